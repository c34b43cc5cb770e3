// Command peers measures what a request costs with Sallyport and with what others
// use, and prints Markdown. Only the ratios mean anything on another machine.
//
//	go run ./examples/bench/peers
//
// With -docs . it also writes the figures into the documentation, and draws the plot.
//
// First every verifier gets the same table of tokens, good and bad. What one of them
// accepts that it should not stands beside its name.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	m := measure{out: os.Stdout}
	flag.IntVar(&m.rounds, "rounds", 11, "how often each is measured")
	flag.DurationVar(&m.turn, "turn", 40*time.Millisecond, "how long each is measured in one round")
	flag.IntVar(&m.requests, "requests", 4000, "how many requests each server gets in one round; 0: no servers")
	flag.IntVar(&m.logins, "logins", 100, "how many users log in at once; 0: no logins")
	flag.StringVar(&m.tables, "tables", "", "which tables to print, of "+strings.Join(tableNames(), ",")+"; empty: all")
	short := flag.Bool("short", false, "a few seconds, to see that it works; its figures mean nothing")
	docs := flag.String("docs", "", "write the figures into docs/figures.json, docs/figures.md, docs/figures.svg and README.md of the repository at this path")
	again := flag.Bool("stored", false, "with -docs: measure nothing, and write what docs/figures.json has")
	serve := flag.String("serve", "", "be the measured server of this name; the program starts itself with it")
	flag.Parse()
	if *short {
		m.shorten()
	}
	stop, cancel := signal.NotifyContext(contextOfProgram(), os.Interrupt)
	defer cancel()
	m.ctx = stop
	if *serve != "" {
		if err := serveAs(stop, *serve, os.Stdout, os.Stdin); err != nil {
			log.Fatal(err) //nolint:gocritic // the program ends, and the signal's handler with it
		}
		return
	}
	if err := m.checkTables(*docs != ""); err != nil {
		log.Fatal(err)
	}
	if err := m.runFor(*docs, *again); err != nil {
		log.Fatal(err)
	}
}

// runFor measures, unless the figures that are stored are wanted, and writes them
// into the docs if it is told where they are.
func (m measure) runFor(docs string, again bool) error {
	if again {
		f, err := load(docs)
		if err != nil {
			return err
		}
		return f.write(docs)
	}
	var printed bytes.Buffer
	both := m
	both.out = io.MultiWriter(m.out, &printed)
	if err := both.printAll(); err != nil || docs == "" {
		return err
	}
	return parse(printed.String()).write(docs)
}

// shorten leaves just enough to see that everything works.
func (m *measure) shorten() {
	m.rounds, m.turn, m.requests, m.logins = 1, 100*time.Microsecond, 64, 2
}

// printAll prints every table.
func (m measure) printAll() error {
	// A heap of 32 MiB at least, as a host has one: in the 4 MiB of a program that
	// does nothing else the collector would be most of what is measured, to the
	// advantage of those who allocate least. The servers keep Go's default.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	if err := m.printMachine(); err != nil {
		return err
	}
	for _, t := range tables {
		if m.tables != "" && !slices.Contains(strings.Split(m.tables, ","), t.name) {
			continue
		}
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if err := t.print(m); err != nil {
			return err
		}
	}
	return nil
}

// tables are what can be printed, in order.
var tables = []struct {
	name  string
	print func(measure) error
}{
	{"checks", measure.printChecks},
	{"verify", measure.printVerify},
	{"refused", measure.printRefused},
	{"bearer", measure.printBearer},
	{"refusals", measure.printRefusals},
	{"limits", measure.printLimits},
	{"refresh", measure.printRefresh},
	{"servers", measure.printServers},
	{"logins", measure.printLogins},
}

func tableNames() []string {
	names := make([]string, len(tables))
	for i := range tables {
		names[i] = tables[i].name
	}
	return names
}

// checkTables says what is wrong with -tables.
func (m measure) checkTables(docs bool) error {
	if docs && m.tables != "" {
		return errors.New("-docs needs all tables")
	}
	for name := range strings.SplitSeq(m.tables, ",") {
		if all := tableNames(); name != "" && !slices.Contains(all, name) {
			return fmt.Errorf("-tables: %q is none of %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// printMachine says where and with what the tables were made.
func (m measure) printMachine() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("no build information")
	}
	fmt.Fprintf(m.out, "`go run ./examples/bench/peers -rounds %d -turn %v -requests %d -logins %d` on %s, %s: %s. ",
		m.rounds, m.turn, m.requests, m.logins, time.Now().Format(time.DateOnly), machine(), info.GoVersion)
	versions(m.out, info)
	fmt.Fprintln(m.out, "\nTimes are nanoseconds of CPU of the whole process, garbage collection included. A ratio is the median of the ratios within one round.")
	return nil
}

// measured are the modules that the tables name.
var measured = map[string]bool{
	"github.com/golang-jwt/jwt/v5": true, "github.com/labstack/echo/v4": true, "github.com/labstack/echo-jwt/v4": true,
	"github.com/appleboy/gin-jwt/v2": true, "github.com/auth0/go-jwt-middleware/v2": true, "github.com/go-chi/jwtauth/v5": true,
	"github.com/lestrrat-go/jwx/v3": true, "github.com/go-jose/go-jose/v4": true,
	"github.com/ulule/limiter/v3": true, "github.com/go-chi/httprate": true,
}

func versions(out io.Writer, info *debug.BuildInfo) {
	separator := "With "
	for _, d := range info.Deps {
		if measured[d.Path] {
			fmt.Fprintf(out, "%s%s %s", separator, d.Path, d.Version)
			separator = ", "
		}
	}
	fmt.Fprintln(out, ".")
}
