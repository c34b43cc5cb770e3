package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// alone says that this process is a quick start and no test.
const alone = "SALLYPORT_QUICKSTART_ALONE"

func serveAlone() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, []string{"-addr", "127.0.0.1:0"}, os.Stdout, io.Discard); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a quick start in a process of its own, so that its memory is its
// own as well.
type process struct {
	base   string
	pid    int
	client *http.Client
}

func start(tb testing.TB) *process {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), alone+"=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{pid: cmd.Process.Pid, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}}
	tb.Cleanup(func() {
		p.client.CloseIdleConnections()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
	})
	for lines := bufio.NewScanner(out); p.base == ""; {
		if !lines.Scan() {
			tb.Fatalf("the quick start printed no address: %v", lines.Err())
		}
		p.base = regexp.MustCompile(`http://[0-9.:]+`).FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

// peak is the most memory that the process has ever had, in MiB; 0 where the
// system does not say.
func (p *process) peak(tb testing.TB) int {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		tb.Fatalf("no VmHWM in %s, %v", text, err)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n / 1024
}

// answered is the status and the Retry-After of an answer.
func (p *process) answered(ctx context.Context, method, path string, form url.Values) (status int, wait string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, p.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header.Get("Retry-After"), errors.Join(err, response.Body.Close())
}

// storm makes 200 logins at once and returns how many got in.
func (p *process) storm(tb testing.TB) (in int) {
	tb.Helper()
	var lock sync.Mutex
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			form := url.Values{"_username": {demoUsers[i%len(demoUsers)].Login}, "_password": {demoPassword}}
			status, wait, err := p.answered(tb.Context(), http.MethodPost, "/api/login_check", form)
			switch {
			case err != nil:
				tb.Error(err)
			case status == http.StatusOK:
				lock.Lock()
				in++
				lock.Unlock()
			case status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable || wait == "":
				tb.Errorf("%d with Retry-After %q", status, wait)
			}
		})
	}
	all.Wait()
	return in
}

// calls makes one call after another until it is told to stop, and returns how
// long each took.
func (p *process) calls(tb testing.TB, stop <-chan struct{}) []time.Duration {
	tb.Helper()
	var took []time.Duration
	for {
		begun := time.Now()
		if status, _, err := p.answered(tb.Context(), http.MethodGet, "/api/1.0/open/me", nil); err != nil || status != http.StatusUnauthorized {
			tb.Errorf("%d, %v", status, err)
			return took
		}
		took = append(took, time.Since(begun))
		select {
		case <-stop:
			return took
		default:
		}
	}
}

func (p *process) callsDuring(tb testing.TB, f func()) []time.Duration {
	tb.Helper()
	stop := make(chan struct{})
	took := make(chan []time.Duration)
	go func() { took <- p.calls(tb, stop) }()
	f()
	close(stop)
	return <-took
}

func TestTwoHundredLoginsAtOnceTakeNeitherTheMemoryNorTheOtherRoutes(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	p := start(t)
	var in int
	took := p.callsDuring(t, func() { in = p.storm(t) })
	if in < 1 || in == 200 {
		t.Errorf("%d of 200 got in", in)
	}
	// a hash takes as long as many calls do: were they to wait for their turn
	// behind the logins, there would be hardly any
	if len(took) < in {
		t.Errorf("%d other calls were answered meanwhile, and %d logins", len(took), in)
	}
	if peak := p.peak(t); peak > 300 && !raced {
		t.Errorf("the process has had %d MiB", peak)
	}
	if status, _, err := p.answered(t.Context(), http.MethodPost, "/api/login_check", url.Values{"_username": {"alice"}, "_password": {demoPassword}}); err != nil || status != http.StatusOK {
		t.Errorf("and afterwards: %d, %v", status, err)
	}
}

// aloneOnTheMachine is set where nothing else runs on the machine, and times mean
// something.
const aloneOnTheMachine = "SALLYPORT_ALONE"

// A route that is no login answers as soon under 200 logins as without them: in 99 of
// 100 calls within 10 ms, or five times what it takes without logins. The
// machine may delay a storm's calls, and then there is another storm; what delays
// them in each of ten is the logins.
func TestTheOtherRoutesStayPromptInAStormOfLogins(t *testing.T) { //nolint:paralleltest // it measures time
	if os.Getenv(aloneOnTheMachine) == "" {
		t.Skip("skipped: set " + aloneOnTheMachine + "=1 where nothing else runs") //nolint:forbidigo // it needs no service
	}
	p := start(t)
	p.storm(t)
	calls := 0
	idle := p99(p.callsDuring(t, func() {
		for ; calls < 2000; calls++ {
			if _, _, err := p.answered(t.Context(), http.MethodGet, "/api/1.0/open/me", nil); err != nil {
				t.Fatal(err)
			}
		}
	}))
	most := max(10*time.Millisecond, 5*idle)
	var stormy []time.Duration
	for range 10 {
		took := p99(p.callsDuring(t, func() { p.storm(t) }))
		stormy = append(stormy, took)
		if took <= most {
			break
		}
	}
	t.Logf("99 of 100 calls within %v without logins, and within %v in storms", idle, stormy)
	if slices.Min(stormy) > most {
		t.Errorf("99 of 100 calls take %v in storms, and %v without; want %v", stormy, idle, most)
	}
}

func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100]
}

// BenchmarkLoginStorm measures what 200 logins at once cost the process and its
// other routes.
func BenchmarkLoginStorm(b *testing.B) {
	p := start(b)
	p.storm(b)
	idle := p.callsDuring(b, func() { <-time.After(3 * time.Second) })
	var loaded []time.Duration
	in := 0
	for b.Loop() {
		loaded = append(loaded, p.callsDuring(b, func() { in += p.storm(b) })...)
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(p99(idle)), "ms-idle-p99")
	b.ReportMetric(ms(p99(loaded)), "ms-p99")
	b.ReportMetric(float64(in)/float64(b.N), "logins/storm")
	b.ReportMetric(float64(p.peak(b)), "MiB-peak")
}
