package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2" //nolint:depguard // which token a request takes is no secret
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a world in a process of its own.
type process struct {
	in    io.WriteCloser
	out   *bufio.Reader
	wait  func() error
	bytes float64 // for each of what it has many of
}

// measure starts a world for each size, and measures them in turns.
func (o options) measure(ctx context.Context, k kind, cores int) (f figures, err error) {
	f = figures{kind: k.name, cores: cores, ns: make([][]float64, len(o.sizes))}
	worlds := make([]*process, len(o.sizes))
	defer func() {
		for _, p := range worlds {
			if p != nil {
				err = errors.Join(err, p.in.Close(), p.wait()) // it ends when its input ends
			}
		}
	}()
	for i, n := range o.sizes {
		if worlds[i], err = startWorld(ctx, k.name, n, cores, k.share(o.requests)); err != nil {
			return f, err
		}
		f.bytes = append(f.bytes, worlds[i].bytes)
	}
	for round := range o.rounds {
		for turn := range worlds {
			i := (round + turn) % len(worlds)
			took, err := worlds[i].ask("request")
			if err != nil {
				return f, err
			}
			harness, err := worlds[i].ask("harness")
			if err != nil {
				return f, err
			}
			f.ns[i] = append(f.ns[i], took-harness)
		}
	}
	return f, nil
}

func startWorld(ctx context.Context, kind string, n, cores, requests int) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, self, "-world", kind, strconv.Itoa(max(n, cores)), strconv.Itoa(cores), strconv.Itoa(requests)) //nolint:gosec // it is this program
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	p := &process{in: in, out: bufio.NewReader(out), wait: c.Wait}
	if p.bytes, err = p.number(); err != nil {
		return p, fmt.Errorf("it has not begun: %w", err)
	}
	return p, nil
}

// ask returns the CPU nanoseconds of the process for each request of one turn.
func (p *process) ask(what string) (float64, error) {
	if _, err := io.WriteString(p.in, what+"\n"); err != nil {
		return 0, err
	}
	return p.number()
}

func (p *process) number() (float64, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(line), 64)
}

// serveWorld makes a world, and runs the turns that are asked for. args are the kind,
// the size, the number of cores and the requests of a turn.
func serveWorld(args []string, in io.Reader, out io.Writer) error {
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[i+1]); err != nil {
			return err
		}
	}
	size, cores, requests := n[0], n[1], n[2]
	runtime.GOMAXPROCS(cores)
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == args[0] })
	if i < 0 {
		return fmt.Errorf("no kind %q", args[0])
	}
	w, err := kinds[i].open(context.Background(), size)
	if err != nil {
		return err
	}
	before := heap()
	if err := w.fill(); err != nil {
		return err
	}
	each := (heap() - before - w.notCounted()) / float64(size)
	m := measured{w, size, cores, requests}
	if err := m.run(w.request, max(requests, 2*min(size, requests))); err != nil { // until it is as it will be
		return err
	}
	fmt.Fprintf(out, "%.0f\n", each)
	stop, err := profile(os.Getenv("GROWTH_PROFILE"), args[0], size)
	if err != nil {
		return err
	}
	defer stop()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		do := w.request
		if lines.Text() == "harness" {
			do = w.harness
		}
		took, err := m.turn(do)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%.1f\n", took)
	}
	return nil
}

// profile writes a CPU profile of the turns into a folder, if there is one.
func profile(folder, kind string, size int) (stop func(), err error) {
	if folder == "" {
		return func() {}, nil
	}
	name, _, _ := strings.Cut(kind, ",")
	file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%s-%d.pprof", strings.ToLower(name), size))) //nolint:gosec // the folder that was asked for
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}, pprof.StartCPUProfile(file)
}

// measured is a world that is measured on so many cores.
type measured struct {
	*world

	size, cores, requests int
}

// turn returns the CPU nanoseconds of a request. In a large heap the collector runs
// seldom and long, so a turn ends when it has run, and begins after it.
func (m measured) turn(do func(c *caller, i int) error) (float64, error) {
	const most = 20 // times the requests, where there is little garbage
	runtime.GC()
	var first, last, now runtime.MemStats
	runtime.ReadMemStats(&first)
	last = first
	began, done := cpu(), 0
	for {
		some := max(m.requests/20, m.cores)
		if err := m.run(do, some); err != nil {
			return 0, err
		}
		done += some
		runtime.ReadMemStats(&now)
		collected := now.NumGC > last.NumGC
		last = now
		if done < m.requests {
			continue
		}
		garbage := float64(now.TotalAlloc-first.TotalAlloc) / float64(done) // of a request
		next := float64(done) + (float64(now.NextGC)-float64(now.HeapAlloc))/max(garbage, 1e-3)
		if collected || next > float64(most*m.requests) {
			return float64(cpu()-began) / float64(done), nil
		}
	}
}

// run makes requests on so many cores, each of which has its own share of what the
// world has, and takes one of it at random.
func (m measured) run(do func(c *caller, i int) error, requests int) error {
	size, cores := m.size, m.cores
	errs := make([]error, cores)
	var wait sync.WaitGroup
	for core := range cores {
		wait.Go(func() {
			c := newCaller()
			random := rand.New(rand.NewPCG(rand.Uint64(), 1)) //nolint:gosec // not for secrets
			mine := (size - core + cores - 1) / cores
			for range requests / cores {
				if errs[core] = do(c, core+cores*random.IntN(mine)); errs[core] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// cpu returns the CPU time of the process, in user and in kernel mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap returns the bytes in use, after the garbage is collected.
func heap() float64 {
	var now runtime.MemStats
	for last := uint64(math.MaxUint64); ; last = now.HeapAlloc {
		runtime.GC()
		runtime.ReadMemStats(&now)
		if now.HeapAlloc+now.HeapAlloc/100 >= last {
			return float64(now.HeapAlloc)
		}
	}
}

// machine names the processor, where Linux tells it, and the number of its cores.
func machine() string {
	name := runtime.GOOS + "/" + runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(text), "model name\t: "); ok {
			name, _, _ = strings.Cut(after, "\n")
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.NumCPU())
}
