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
	"runtime"
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
	ctx := context.Background()
	inMemory(ctx, *rounds)
	if *url == "" {
		return
	}
	if err := onRedis(ctx, *url); err != nil {
		log.Fatal(err)
	}
}

// decision takes one of a key, and reports whether it was let through.
type decision func(key string) bool

// inMemory prints CPU time a decision, garbage collection and all: the median of
// rounds in which each takes its turn, beside the engine's in the same round.
func inMemory(ctx context.Context, rounds int) {
	all := contestants(ctx)
	fmt.Println("| in memory | 1 key: ns | × engine | 10 000 keys: ns | × engine | allocations | bytes a key |")
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
		f := table[i]
		fmt.Printf("| %s | %.0f | %.2f | %.0f | %.2f | %d | %.0f |\n", c.name, f.ns[0], f.ratio[0], f.ns[1], f.ratio[1], allocations(c.open()), size(c.open))
	}
}

// turn returns the CPU time of the process for each of n decisions.
func turn(decide decision, names []string, n int) float64 {
	began := cpu()
	for i, left := 0, n; left > 0; left-- {
		if !decide(names[i]) {
			log.Fatal("refused")
		}
		i++
		if i == len(names) {
			i = 0
		}
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

// allocations are those of a decision, rounded down.
func allocations(decide decision) uint64 {
	const n = 100_000
	decide("a")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		decide("a")
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / n
}

// size is what a key takes, of 200 000, the key included.
func size(open func() decision) float64 {
	const n = 200_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	decide := open()
	for i := range n {
		decide("tier/3600/address/" + strconv.Itoa(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(decide)
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n
}
