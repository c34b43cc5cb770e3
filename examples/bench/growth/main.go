// Command growth measures what a request costs among 1, 1 000 and 1 000 000 tokens,
// client addresses, sessions and API keys, and prints Markdown.
//
//	go run ./examples/bench/growth
//
// Each number of them is a process of its own, so that the garbage collector of one
// does not work for another. They are measured in turns. What is printed is CPU time
// of the process, garbage collection included, without what the same requests cost
// with a handler that does nothing. GROWTH_PROFILE names a folder for CPU profiles of
// the turns, which show what bounds each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options say how much is measured.
type options struct {
	only      string // kinds whose names contain it
	sizes     []int
	cores     []int
	rounds    int
	requests  int // of each turn
	flat      float64
	flatStore float64
}

func main() {
	if len(os.Args) == 6 && os.Args[1] == "-world" {
		if err := serveWorld(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "growth:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := start(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func start(ctx context.Context, args []string, out io.Writer) error {
	o := options{sizes: []int{1, 1000, 1_000_000}}
	f := flag.NewFlagSet("growth", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	f.IntVar(&o.requests, "requests", 200_000, "how many requests in one turn; a refresh and an exchange get a quarter")
	most := f.Int("most", 1_000_000, "the largest number")
	cores := f.String("cores", "1,2", "numbers of cores")
	f.StringVar(&o.only, "only", "", "measure only what has this in its name")
	f.Float64Var(&o.flat, "flat", 1.5, "fail if a request costs more than so many times what it costs among the fewest")
	f.Float64Var(&o.flatStore, "flat-refresh", 1.4, "the same for a refresh, beside a thousand sessions")
	if err := f.Parse(args); err != nil {
		return err
	}
	o.sizes[2] = *most
	for text := range strings.SplitSeq(*cores, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-cores: must be numbers, got %q", *cores)
		}
		o.cores = append(o.cores, n)
	}
	if f.NArg() > 0 || *most <= 1000 || o.rounds < 1 || o.requests < 4 {
		return errors.New("-most must be more than 1000, -rounds 1 or more, -requests 4 or more, and there must be no arguments")
	}
	fmt.Fprintf(out, "`%s` on %s, %s, %s.\n", strings.TrimSpace("go run ./examples/bench/growth "+strings.Join(args, " ")), time.Now().Format(time.DateOnly), machine(), runtime.Version())
	return run(ctx, o, out)
}

// figures are those of one kind on so many cores: CPU nanoseconds for each request,
// net of the harness, in each round, and bytes of memory, for each size.
type figures struct {
	kind  string
	cores int
	ns    [][]float64
	bytes []float64
}

func run(ctx context.Context, o options, out io.Writer) error {
	var wrong []error
	for i, cores := range o.cores {
		fmt.Fprintf(out, "\n| on %s | among %s: ns |", plural(cores, "core"), number(o.sizes[0]))
		for _, n := range o.sizes[1:] {
			fmt.Fprintf(out, " among %s: × |", number(n))
		}
		fmt.Fprint(out, " bytes of memory each |\n|---|--:|--:|--:|--:|\n")
		for _, k := range kinds {
			if !strings.Contains(k.name, o.only) {
				continue
			}
			f, err := o.measure(ctx, k, cores)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			wrong = append(wrong, f.print(o, k, out))
		}
		if i == 0 {
			fmt.Fprintln(out)
		}
	}
	return errors.Join(wrong...)
}

// print prints a row, and returns an error if a request costs too much.
func (f figures) print(o options, k kind, out io.Writer) (err error) {
	fmt.Fprintf(out, "| %s | %.0f |", f.kind, mean(f.ns[0]))
	last := len(o.sizes) - 1
	for i := range o.sizes[1:] {
		fmt.Fprintf(out, " %.2f |", mean(f.ns[i+1])/mean(f.ns[0]))
	}
	size := "" // that of what is not kept
	if f.bytes[last] > 16 {
		size = fmt.Sprintf("%.0f", f.bytes[last])
	}
	fmt.Fprintf(out, " %s |\n", size)
	beside, most := 0, o.flat
	if k.beside > 0 {
		beside, most = k.beside, o.flatStore
	}
	if times := mean(f.ns[last]) / mean(f.ns[beside]); !k.part && times > most {
		err = fmt.Errorf("%s, %s: %.2f times as much among %s as among %s", f.kind, plural(f.cores, "core"), times, number(o.sizes[last]), number(o.sizes[beside]))
	}
	return err
}

// mean is used where others take the median: a turn in which the collector runs is
// a part of what requests cost. The lowest and the highest are left out.
func mean(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	if len(all) > 4 {
		all = all[1 : len(all)-1]
	}
	sum := 0.0
	for _, one := range all {
		sum += one
	}
	return max(sum/float64(len(all)), 1)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// number has a space before each three digits.
func number(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s %03d", number(n/1000), n%1000)
}
