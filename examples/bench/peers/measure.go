package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func contextOfProgram() context.Context { return context.Background() }

// measure says how long to measure, and where the tables go.
type measure struct {
	ctx      context.Context //nolint:containedctx // that of the program
	out      io.Writer
	rounds   int
	turn     time.Duration
	requests int
	logins   int
	tables   string // names, separated by commas; empty: all
}

// subject is one contestant of a group.
type subject struct {
	name string
	run  func() // one operation
}

// group is measured together: in each round each subject has one turn, and each
// round begins with another one. Ratios are to the subjects whose places are in
// bases.
type group struct {
	name     string
	subjects []subject
	bases    []int
}

// printGroups prints one table. Each group has as many bases as there are headings.
func (m measure) printGroups(title string, headings []string, groups ...group) error {
	fmt.Fprintf(m.out, "\n| %s | | ns |", title)
	for _, h := range headings {
		fmt.Fprintf(m.out, " × %s |", h)
	}
	fmt.Fprintf(m.out, " allocations | bytes |\n|---|---|--:|%s--:|--:|\n", strings.Repeat("--:|", len(headings)))
	for _, g := range groups {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		m.printGroup(g)
	}
	return nil
}

func (m measure) printGroup(g group) {
	calls := make([]int, len(g.subjects))
	for i, s := range g.subjects {
		calls[i] = callsWithin(m.turn, s.run)
	}
	ns := make([][]float64, len(g.subjects))
	for round := range m.rounds {
		for k := range g.subjects {
			i := (round + k) % len(g.subjects)
			ns[i] = append(ns[i], cpuOf(g.subjects[i].run, calls[i]))
		}
	}
	for i, s := range g.subjects {
		fmt.Fprintf(m.out, "| %s | %s | %.0f |", g.name, s.name, median(ns[i]))
		for _, base := range g.bases {
			fmt.Fprintf(m.out, " %s |", ratio(ns[i], ns[base]))
		}
		count, bytes := allocations(s.run, min(calls[i], 2000))
		fmt.Fprintf(m.out, " %d | %d |\n", count, bytes)
	}
}

// callsWithin returns how many calls of f take about d.
func callsWithin(d time.Duration, f func()) int {
	f()
	for n := 1; ; n *= 2 {
		took := time.Duration(cpuOf(f, n) * float64(n))
		if took >= d/4 || n >= 1<<24 {
			return max(1, int(float64(n)*float64(d)/float64(max(took, 1))))
		}
	}
}

// cpuOf returns the CPU time of the process for each of n calls, in nanoseconds.
func cpuOf(f func(), n int) float64 {
	began := cpu()
	for range n {
		f()
	}
	return float64(cpu()-began) / float64(n)
}

// cpu returns the CPU time that the process has used, in user and in kernel mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// ratio returns the median of the ratios of the same round, with three digits.
func ratio(all, base []float64) string {
	ratios := make([]float64, len(all))
	for i := range all {
		ratios[i] = all[i] / max(base[i], 1e-9)
	}
	if r := median(ratios); r < 0.1 {
		return fmt.Sprintf("%.3f", r)
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

// allocations returns the allocations and the bytes of one call of f, rounded down.
func allocations(f func(), n int) (count, bytes uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / uint64(n), (after.TotalAlloc - before.TotalAlloc) / uint64(n) //nolint:gosec // n is positive
}

// machine names the processor, where Linux tells it, and the number of its cores.
func machine() string {
	name := runtime.GOOS + "/" + runtime.GOARCH
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer func() { _ = file.Close() }()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if _, model, ok := strings.Cut(lines.Text(), "model name\t: "); ok {
				name = model
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.GOMAXPROCS(0))
}
