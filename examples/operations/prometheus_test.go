package operations_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// prometheus is a server of the test's own.
type prometheus struct {
	dir  string
	base string
}

// startPrometheus starts a server with the configuration and the rules of this folder.
func startPrometheus(t *testing.T) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		skip.Skip(t, "no prometheus on this machine")
	}
	p := &prometheus{dir: t.TempDir()}
	for _, name := range []string{"prometheus.yml", "rules.yml"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(read(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	p.base = "http://" + addr
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(p.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(p.dir, "data"), "--web.listen-address="+addr, "--log.level=warn")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	if !poll(t.Context(), func() bool {
		status, _ := get(t, p.base+"/-/ready")
		return status == http.StatusOK
	}) {
		_ = cmd.Process.Kill()
		t.Fatalf("Prometheus does not start:\n%s", log.String())
	}
	return p
}

func get(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	body, _ = io.ReadAll(response.Body)
	return response.StatusCode, body
}

// sample is a time in seconds and a value.
type sample [2]any

func (s sample) at() float64 { at, _ := s[0].(float64); return at }

func (s sample) value() float64 {
	text, _ := s[1].(string)
	v, _ := strconv.ParseFloat(text, 64)
	return v
}

// series is one result of a query.
type series struct {
	Metric map[string]string
	Value  sample
	Values []sample
}

// ask asks the API, and fails unless it succeeds.
func (p *prometheus) ask(t *testing.T, path string, form url.Values) json.RawMessage {
	t.Helper()
	status, body := get(t, p.base+"/api/v1/"+path+"?"+form.Encode())
	var answer struct {
		Status string
		Error  string
		Data   json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s %v: %d %s", path, form, status, body)
	}
	return answer.Data
}

func (p *prometheus) query(t *testing.T, expr string) []series {
	t.Helper()
	var data struct{ Result []series }
	if err := json.Unmarshal(p.ask(t, "query", url.Values{"query": {expr}}), &data); err != nil {
		t.Fatal(err)
	}
	return data.Result
}

// over returns what an expression was, each second.
func (p *prometheus) over(t *testing.T, expr string, from, to time.Time) []series {
	t.Helper()
	var data struct{ Result []series }
	if err := json.Unmarshal(p.ask(t, "query_range", url.Values{
		"query": {expr}, "start": {strconv.FormatInt(from.Unix(), 10)}, "end": {strconv.FormatInt(to.Unix(), 10)}, "step": {"1"},
	}), &data); err != nil {
		t.Fatal(err)
	}
	return data.Result
}

// value returns the one value of an expression; none is 0.
func (p *prometheus) value(t *testing.T, expr string) float64 {
	t.Helper()
	result := p.query(t, expr)
	if len(result) == 0 {
		return 0
	}
	return result[0].Value.value()
}

// until waits until an expression has a value.
func (p *prometheus) until(t *testing.T, expr string, want float64) {
	t.Helper()
	if !poll(t.Context(), func() bool { return p.value(t, expr) == want }) {
		t.Fatalf("%s = %v, want %v", expr, p.value(t, expr), want)
	}
}

// names returns the names of all metrics.
func (p *prometheus) names(t *testing.T) (all []string) {
	t.Helper()
	if err := json.Unmarshal(p.ask(t, "label/__name__/values", nil), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// healthyRules fails unless each rule was evaluated without an error.
func (p *prometheus) healthyRules(t *testing.T) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	if err := json.Unmarshal(p.ask(t, "rules", nil), &data); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			n++
			if rule.Health != "ok" || rule.State == "firing" {
				t.Errorf("rule = %+v", rule)
			}
		}
	}
	if n < 10 {
		t.Errorf("Prometheus has only %d rules", n)
	}
}

// cluster is examples/cluster while it runs.
type cluster struct {
	cmd *exec.Cmd

	mu   sync.Mutex
	text strings.Builder
}

// Write notes what the program prints.
func (c *cluster) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *cluster) printed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// startCluster starts examples/cluster, which writes its targets to a file.
func startCluster(t *testing.T, targets string) *cluster {
	t.Helper()
	program, limit := filepath.Join(t.TempDir(), "cluster"), "400"
	if update {
		limit = "1500" // for a picture with something in it
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cluster").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	c := &cluster{cmd: exec.CommandContext(t.Context(), program, "-spare", "-hold", "-targets", targets, "-clients", "12", "-limit", limit)}
	c.cmd.Env = append(os.Environ(), "SALLYPORT_POSTGRES="+postgrestest.Schema(t), "SALLYPORT_REDIS="+redistest.URL(t))
	c.cmd.Stdout, c.cmd.Stderr = c, c
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Signal(os.Interrupt)
			_ = c.cmd.Wait()
		}
	})
	return c
}

// waitFor waits until the program has printed a text.
func (c *cluster) waitFor(t *testing.T, text string) {
	t.Helper()
	if !poll(t.Context(), func() bool { return strings.Contains(c.printed(), text) }) {
		t.Fatalf("the cluster has not printed %q:\n%s", text, c.printed())
	}
}

// end interrupts the program, and returns all that it has printed.
func (c *cluster) end(t *testing.T) string {
	t.Helper()
	_ = c.cmd.Process.Signal(os.Interrupt)
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the cluster ended with %v:\n%s", err, c.printed())
	}
	return c.printed()
}
