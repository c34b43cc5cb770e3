// Command bench measures what a refresh costs on each store: how many there are
// in a second and how long the slowest take, at 1, 32 and 256 clients; how many
// bytes a session takes; and whether a refresh costs more among a million
// sessions than among a thousand. All of it is measured side by side in one run,
// through tokens.Authority.Refresh, and printed as Markdown.
//
//	go run ./examples/bench
//
// With -calls it compares each call that a host makes among few sessions and among
// many instead, and how long a refresh waits for a sweep:
//
//	go run ./examples/bench -calls -only PostgreSQL,MariaDB -few 10000 -sessions 10000000
//
// Times are those of the machine and of what else it does; what carries over are
// ratios. Servers are looked for at SALLYPORT_POSTGRES, SALLYPORT_MARIADB and
// SALLYPORT_REDIS, else on this machine, and a Valkey at SALLYPORT_VALKEY; a schema, a
// database and a prefix there are taken away afterwards. With a million sessions
// each server needs about half a gigabyte.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9/logging"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	logging.Disable() // what go-redis would write stands in the errors, too
	err := start(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// options say how much is measured, and where.
type options struct {
	postgres, mariadb, redis string
	valkey                   string // empty: it is not measured
	contenders               []contender
	calls                    bool // compare all calls among few and many
	progress                 io.Writer
	crowded                  int    // sessions of the sweep that others refresh beside
	name                     string // of the schemas and prefixes, and what begins them
	few, many                int    // sessions
	round                    time.Duration
	rounds                   int
	pairs                    int
	flat                     float64
}

func start(ctx context.Context, args []string, stdout io.Writer) error {
	o := options{
		postgres: cmp.Or(os.Getenv("SALLYPORT_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"),
		mariadb:  cmp.Or(os.Getenv("SALLYPORT_MARIADB"), "mysql://root@127.0.0.1:3306/"),
		redis:    cmp.Or(os.Getenv("SALLYPORT_REDIS"), "redis://127.0.0.1:6379/0"),
		valkey:   os.Getenv("SALLYPORT_VALKEY"),
		progress: os.Stderr,
		crowded:  100_000,
		name:     "sallyport_bench_" + strings.ToLower(rand.Text()),
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.many, "sessions", 1_000_000, "how many sessions are many")
	f.IntVar(&o.few, "few", 1000, "how many are few")
	f.BoolVar(&o.calls, "calls", false, "compare a refresh, a list, a revocation and a sweep among few and many, and measure no speed")
	only := f.String("only", "", "measure these stores alone, such as PostgreSQL,MariaDB")
	f.DurationVar(&o.round, "round", time.Second, "how long one store is measured at a time, at one number of clients")
	f.IntVar(&o.rounds, "rounds", 5, "how often all stores are, in turns")
	f.IntVar(&o.pairs, "pairs", 41, "how often few and many sessions are compared, a hundred refreshes each")
	f.Float64Var(&o.flat, "flat", 1.5, "fail if a refresh among many costs more than so many among few")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || o.few < 1000 || o.many <= o.few || o.round <= 0 || o.rounds < 1 || o.pairs < 1 || o.pairs > 49 {
		return errors.New("-few must be 1000 or more, -sessions more than that, -round and -rounds must be positive, -pairs from 1 to 49, and there must be no arguments")
	}
	var err error
	if o.contenders, err = o.chosen(*only); err != nil {
		return err
	}
	if o.calls {
		return growCalls(ctx, o, stdout)
	}
	return run(ctx, o, stdout)
}

// chosen returns the stores with these names, or all whose server has an address.
func (o options) chosen(names string) (some []contender, err error) {
	if names == "" {
		for _, c := range contenders {
			if c.name != "Valkey" || o.valkey != "" {
				some = append(some, c)
			}
		}
		return some, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no store %q", name)
		}
		some = append(some, contenders[i])
	}
	return some, nil
}

// run measures all stores and prints the table.
func run(ctx context.Context, o options, stdout io.Writer) error {
	figures := make([]figure, len(o.contenders))
	if err := race(ctx, o, figures); err != nil {
		return err
	}
	for i, c := range o.contenders {
		if err := grow(ctx, o, c, &figures[i]); err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "%s, %d cores", runtime.Version(), runtime.GOMAXPROCS(0))
	for _, f := range figures {
		fmt.Fprintf(stdout, "; %s", f.server)
	}
	fmt.Fprint(stdout, "\n\n", table(o, figures))
	var errs []error
	for _, f := range figures {
		if times := median(f.growth); times > o.flat {
			errs = append(errs, fmt.Errorf("%s: a refresh costs %.2f times as much among %d sessions as among %d", f.name, times, o.many, o.few))
		}
	}
	return errors.Join(errs...)
}
