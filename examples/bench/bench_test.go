package main

import (
	"crypto/rand"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAllStoresAreInTheTable(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	o := options{
		name: "sallyport_test_" + strings.ToLower(rand.Text()), postgres: postgrestest.Schema(t), mariadb: mariadbtest.URL(t), redis: redistest.URL(t), valkey: redistest.URL(t),
		contenders: contenders, few: 120, many: 400, round: 20 * time.Millisecond, rounds: 1, pairs: 1, flat: 1e9,
	}
	var out strings.Builder
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	for _, c := range contenders {
		row := regexp.MustCompile(`(?m)^\| ` + c.name + ` \|( [1-9]\d* \| [0-9.]+ ms \|){3} -?\d+ \| \d+\.\d\d \|$`)
		if !row.MatchString(out.String()) {
			t.Errorf("no row of %s:\n%s", c.name, out.String())
		}
	}
	for _, server := range []string{" cores", "synchronous FULL", "synchronous_commit", "appendonly"} {
		if !regexp.MustCompile(server).MatchString(out.String()) {
			t.Errorf("it does not say %s:\n%s", server, out.String())
		}
	}

	postgrestest.LeavesNothing(t, o.postgres, o.redis, o.name)
}

func TestWhatIsNotFlatIsAnError(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	o := options{
		name: "sallyport_test_" + strings.ToLower(rand.Text()), postgres: postgrestest.Schema(t), mariadb: mariadbtest.URL(t), redis: redistest.URL(t), valkey: redistest.URL(t),
		contenders: contenders, few: 110, many: 120, round: time.Millisecond, rounds: 1, pairs: 1, flat: 1e-9,
	}
	err := run(t.Context(), o, t.Output())
	if err == nil || strings.Count(err.Error(), "times as much") != len(contenders) {
		t.Errorf("run: %v", err)
	}
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	for says, o := range map[string]options{
		"no PostgreSQL at 127.0.0.1:1": {contenders: named(t, "PostgreSQL"), postgres: "postgres://app:s3cret@127.0.0.1:1/app"},
		"no MariaDB at 127.0.0.1:1":    {contenders: named(t, "MariaDB"), mariadb: "mysql://root:s3cret@127.0.0.1:1/"},
		"no Redis at 127.0.0.1:1":      {contenders: named(t, "Redis"), redis: "redis://:s3cret@127.0.0.1:1/0"},
		"another in SALLYPORT_VALKEY":  {contenders: named(t, "Valkey"), valkey: "redis://:s3cret@127.0.0.1:1/0"},
	} {
		o.name, o.few = "sallyport_test_"+strings.ToLower(rand.Text()), 10
		if err := run(t.Context(), o, t.Output()); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// named returns the contenders with these names.
func named(t *testing.T, names string) []contender {
	t.Helper()
	some, err := options{}.chosen(names)
	if err != nil {
		t.Fatal(err)
	}
	return some
}

func TestAllCallsAreCompared(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	o := options{
		name: "sallyport_test_" + strings.ToLower(rand.Text()), postgres: postgrestest.Schema(t), mariadb: mariadbtest.URL(t),
		contenders: named(t, "SQLite,PostgreSQL,MariaDB"), few: 120, many: 300, pairs: 1, flat: 1e-9, progress: io.Discard, crowded: 1500,
	}
	var out strings.Builder
	err := growCalls(t.Context(), o, &out)
	want := 4 * len(o.contenders)
	if err == nil || strings.Count(err.Error(), "times as much") != want {
		t.Errorf("growCalls: %v; want %d calls that are not flat", err, want)
	}
	for _, c := range o.contenders {
		row := regexp.MustCompile(`(?m)^\| ` + c.name + ` \| [1-9]\d* \|( \d+\.\d\d \|){4}( [0-9.]+ ms \|){2} [0-9.m]+s \|$`)
		if !row.MatchString(out.String()) {
			t.Errorf("no row of %s:\n%s", c.name, out.String())
		}
	}
	postgrestest.LeavesNothing(t, o.postgres, redistest.URL(t), o.name)
}

func TestOnlyTheStoresThatAreNamed(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]int{"": 5, "PostgreSQL,MariaDB": 2, "Valkey": 1} {
		if some := named(t, names); len(some) != want {
			t.Errorf("%q: %d stores, want %d", names, len(some), want)
		}
	}
	if _, err := (options{}).chosen("Oracle"); err == nil {
		t.Error("a store that there is not: no error")
	}
}

func TestBadFlagsAreErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-sessions", "1000"}, {"-round", "0s"}, {"-rounds", "0"}, {"-pairs", "0"}, {"-pairs", "50"}, {"-few", "10"}, {"-only", "Oracle"}, {"extra"}} {
		if err := start(t.Context(), args, t.Output()); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestMedianAndPercentile(t *testing.T) {
	t.Parallel()
	if m := median([]float64{9, 1, 5}); m != 5 {
		t.Errorf("median: %v", m)
	}
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i))
	}
	if p := percentile(took, 0.99); p != 199 {
		t.Errorf("p99 of 1 to 200: %d", p)
	}
	if p := percentile(took[:1], 0.99); p != 1 {
		t.Errorf("p99 of one: %d", p)
	}
}
