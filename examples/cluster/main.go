// Command cluster shows that several nodes act as one: three processes of one
// host, sessions in one database, counters and deny list there too or on one Redis, and
// a plain round-robin proxy in front. Clients log in, refresh, call, are limited
// and log out; in the middle of it one node is killed, and started again. It then
// prints what was admitted, refused, rotated, replayed and lost, and fails unless
// exactly the limit was admitted and nothing was lost.
//
//	go run ./examples/cluster
//	go run ./examples/cluster -on postgres
//	go run ./examples/cluster -on mariadb
//
// The first runs on PostgreSQL and Redis, the others on one database alone. It looks for
// the servers where SALLYPORT_POSTGRES, SALLYPORT_REDIS and SALLYPORT_MARIADB say, else on
// this machine; it keeps to a schema or a database and to a prefix of its own there, and
// takes them away afterwards.
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
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9/logging"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logging.Disable() // what go-redis would write stands in the errors, too
	err := start(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// start is the whole program: the cluster, or one node of it.
func start(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == nodeCommand {
		return serveNode(ctx, os.Stdin, os.Stdout)
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	o.database = cmp.Or(os.Getenv("SALLYPORT_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test?sslmode=disable")
	switch o.on {
	case onMariaDB:
		o.mariadb, o.database = true, cmp.Or(os.Getenv("SALLYPORT_MARIADB"), "mysql://root@127.0.0.1:3306/")
	case onRedis:
		o.redis = cmp.Or(os.Getenv("SALLYPORT_REDIS"), "redis://127.0.0.1:6379/0")
	}
	return run(ctx, o, os.Stdout)
}

// options say how large it is, and on which servers.
type options struct {
	on             string // what they are: onRedis, onPostgres or onMariaDB
	database       string // a URL
	mariadb        bool   // the database is one
	redis          string // a URL; empty: all is in the database
	name           string // of the schema, and of the prefix
	nodes, clients int
	limit          int
	targets        string // a file for Prometheus; empty: none is written
	spare, hold    bool
	scraped        func(*cluster) // for tests: called before the nodes end; nil: it is not
}

const (
	onRedis    = "postgres+redis"
	onPostgres = "postgres"
	onMariaDB  = "mariadb"
)

func parse(args []string) (options, error) {
	o := options{name: "sallyport_cluster_" + strings.ToLower(rand.Text())}
	f := flag.NewFlagSet("cluster", flag.ContinueOnError)
	f.StringVar(&o.on, "on", onRedis, "the servers: "+onRedis+", "+onPostgres+" or "+onMariaDB)
	f.IntVar(&o.nodes, "nodes", 3, "how many processes serve")
	f.IntVar(&o.clients, "clients", 24, "how many clients log in, as three users")
	f.IntVar(&o.limit, "limit", 500, "how many calls each user may make; they try half as many again")
	f.StringVar(&o.targets, "targets", "", "a file in which Prometheus finds the metrics of the nodes (file_sd_configs)")
	f.BoolVar(&o.spare, "spare", false, "kill no node: what a process has counted since it was last scraped ends with it")
	f.BoolVar(&o.hold, "hold", false, "leave the nodes running after the load until the program is interrupted")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if o.on != onRedis && o.on != onPostgres && o.on != onMariaDB {
		return options{}, fmt.Errorf("-on must be %s, %s or %s, got %q", onRedis, onPostgres, onMariaDB, o.on)
	}
	if o.nodes < 2 || o.clients < len(accounts) || o.limit < o.clients {
		return options{}, fmt.Errorf("-nodes must be 2 or more, -clients must be %d or more, and -limit must not be lower than -clients", len(accounts))
	}
	return o, nil
}

// run starts the cluster, puts the load on it and says how it went.
func run(ctx context.Context, o options, stdout io.Writer) (err error) {
	p, err := claim(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.release(context.WithoutCancel(ctx))) }()
	c, err := startCluster(ctx, o, p)
	if err != nil {
		return err
	}
	defer c.stop()
	fmt.Fprintf(stdout, "%d nodes behind %s; %d clients, %d users with %d calls each\n", o.nodes, c.base, o.clients, len(accounts), o.limit)

	l := newLoad(o, c.base)
	if err := c.writeTargets(o.targets); err != nil {
		return err
	}
	accident := make(chan error, 1)
	if o.spare {
		accident <- nil
	} else {
		go func() { accident <- c.accident(ctx, l, o.targets, stdout) }()
	}
	l.run(ctx)
	err = <-accident
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err = errors.Join(err, l.settle(ctx, p.store)); err != nil {
		return errors.Join(append(l.lost, err)...)
	}
	l.logOut(ctx, o.nodes)
	if o.hold {
		fmt.Fprintln(stdout, "the load has ended: interrupt to stop the nodes")
		<-ctx.Done()
	}
	if o.scraped != nil {
		o.scraped(c)
	}
	c.stop() // and all that they had to say is heard
	return l.report(stdout, c.events())
}
