// Command limits measures a rate limit decision beside those of other libraries,
// and prints Markdown. Only the ratios mean anything on another machine.
//
//	go run . -redis redis://127.0.0.1:6379/0
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	url := flag.String("redis", "", "measure on this Redis as well; its keys begin with sallyport-bench")
	rounds := flag.Int("rounds", 7, "how often each is measured")
	flag.Parse()
	// A heap of 32 MiB at least, as a host has one: in the 4 MiB of a program that
	// does nothing else the collector would be most of what is measured.
	debug.SetGCPercent(800)
	ctx := context.Background()
	inMemory(ctx, *rounds)
	if err := compareMiddlewares(ctx, *rounds); err != nil {
		log.Fatal(err)
	}
	if *url == "" {
		return
	}
	if err := onRedis(ctx, *url); err != nil {
		log.Fatal(err)
	}
}

// decision counts a request under key and reports whether it is allowed.
type decision func(key string) bool

// inMemory prints the CPU time of a decision, garbage collection included. Each
// limiter is measured once a round. Printed are the median time and the median
// ratio to the engine in the same round.
func inMemory(ctx context.Context, rounds int) {
	all := contestants(ctx)
	fmt.Println("| in memory | 1 key: ns | × ulule | 10 000 keys: ns | × ulule | allocations | bytes a key |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	type figures struct{ ns, ratio [2]float64 }
	table := make([]figures, len(all))
	for column, keys := range [2]int{1, 10_000} {
		names := make([]string, keys)
		for i := range names {
			names[i] = "tier/3600/account/" + strconv.Itoa(i)
		}
		decide := make([]decision, len(all))
		for i, c := range all {
			decide[i] = c.open()
			turn(decide[i], names, 2*keys)
		}
		ns, ratio := make([][]float64, len(all)), make([][]float64, len(all))
		for range rounds {
			engine := 0.0 // the first
			for i := range all {
				took := turn(decide[i], names, 300_000)
				if i == 0 {
					engine = took
				}
				ns[i], ratio[i] = append(ns[i], took), append(ratio[i], took/engine)
			}
		}
		for i := range all {
			table[i].ns[column], table[i].ratio[column] = median(ns[i]), median(ratio[i])
		}
	}
	for i, c := range all {
		f, decide := table[i], c.open()
		fmt.Printf("| %s | %.0f | %.2f | %.0f | %.2f | %d | %.0f |\n", c.name, f.ns[0], f.ratio[0], f.ns[1], f.ratio[1], allocations(func() { decide("a") }), size(c.open))
	}
}

// turn returns the CPU time of the process for each of n decisions.
func turn(decide decision, names []string, n int) float64 {
	i := 0
	return duration(func() {
		if !decide(names[i]) {
			log.Fatal("refused")
		}
		i++
		if i == len(names) {
			i = 0
		}
	}, n)
}

// duration returns the CPU time of the process for each of n calls.
func duration(f func(), n int) float64 {
	began := cpu()
	for range n {
		f()
	}
	return float64(cpu()-began) / float64(n)
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// allocations returns the allocations of one call of f, rounded down.
func allocations(f func()) uint64 {
	const n = 20_000
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / n
}

// size returns the bytes of memory per key, the key included, with 200 000 keys.
func size(open func() decision) float64 {
	const n = 200_000
	before := heap()
	decide := open()
	for i := range n {
		decide("tier/3600/address/" + strconv.Itoa(i))
	}
	after := heap()
	runtime.KeepAlive(decide)
	return (after - before) / n
}

// heap returns the bytes of the heap in use. It collects garbage until the heap
// stops shrinking, because finalizers free limiters that were measured before.
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
