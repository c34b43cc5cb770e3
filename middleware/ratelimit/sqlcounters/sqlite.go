package sqlcounters

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/internal/sqlschema"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

// inSQLite decides in a transaction. It takes the lock of the file first, so that nothing
// that it reads changes before it writes.
func (c *Counters) inSQLite(ctx context.Context, in database, task remote.Task, now int64, orders []order) (r result, err error) {
	conn, ok := in.(*sql.Conn)
	if !ok {
		return r, errors.New("no connection")
	}
	begin := "BEGIN IMMEDIATE"
	if task == remote.Peek {
		begin = "BEGIN"
	}
	err = sqlschema.Transaction(ctx, conn, begin, func() error {
		t := &transaction{Counters: c, ctx: ctx, conn: conn}
		r, err = t.decide(task, now, orders)
		return err
	})
	return r, err
}

// transaction is one decision in SQLite.
type transaction struct {
	*Counters

	ctx  context.Context //nolint:containedctx // it is that of one call
	conn *sql.Conn
}

func (t *transaction) decide(task remote.Task, now int64, orders []order) (r result, err error) {
	r = result{now: now, all: make([]outcome, len(orders))}
	if r.resets, err = t.resets(); err != nil {
		return r, err
	}
	all := true
	for i := range orders {
		if err := t.look(&orders[i], &r.all[i], task, now); err != nil {
			return r, err
		}
		all = all && (orders[i].done || r.all[i].fits)
	}
	reset := task == remote.Reset
	for i := range orders {
		n, o := &orders[i], &r.all[i]
		switch {
		case task == remote.Reset && o.where == onOwn:
			err = t.remove(n.own)
			o.where = onGone
		case task == remote.Refund && o.where != onNew:
			err = t.spend(n, o, now, -n.cost)
			reset = true // somebody may have been told to wait
		case task == remote.Take && all:
			o.more = max(min(n.more, o.free(n)-n.cost), 0)
			err = t.spend(n, o, now, n.cost+o.more)
		}
		if err != nil {
			return r, err
		}
	}
	if reset {
		r.resets++
		err = t.exec("UPDATE sallyport_counter_resets SET resets = resets + 1 WHERE shard = $1", shard(orders))
	}
	return r, err
}

func (t *transaction) resets() (n int64, err error) {
	err = t.conn.QueryRowContext(t.ctx, t.flavour.SQL("SELECT sum(resets) FROM sallyport_counter_resets").Text).Scan(&n)
	return n, err
}

// look finds the counter of an order, as it is now, and says whether the charge fits.
func (t *transaction) look(n *order, o *outcome, task remote.Task, now int64) error {
	there, err := t.read(n.own, &o.counter)
	if err != nil {
		return err
	}
	o.where = onOwn
	if !there {
		o.where = onNew
	}
	if !there && n.sourced && task != remote.Reset {
		shared := counter{}
		exists, err := t.read(n.shared, &shared)
		if err != nil {
			return err
		}
		shared.load(n, now, !exists)
		if exists && !shared.nothing(n) || n.closed && task == remote.Take {
			o.where, o.counter, there = onShared, shared, true
		}
	}
	o.load(n, now, !there)
	o.fits = n.cost <= o.free(n)
	return nil
}

// spend charges an amount to the counter of an order, or gives it back.
func (t *transaction) spend(n *order, o *outcome, now, amount int64) error {
	key := n.own
	if o.where == onShared { // another charge may have come here
		key = n.shared
		o.counter = counter{}
		there, err := t.read(key, &o.counter)
		if err != nil {
			return err
		}
		o.load(n, now, !there)
	}
	o.counter.spend(n, amount) //nolint:staticcheck // not t.spend
	if !o.nothing(n) {
		return t.write(key, &o.counter)
	}
	if o.where == onOwn {
		o.where = onGone
	}
	return t.remove(key)
}

func (t *transaction) read(key id, n *counter) (there bool, err error) {
	var steps sql.NullString
	err = t.conn.QueryRowContext(t.ctx, t.flavour.SQL("SELECT spent, level, at, steps, ends FROM sallyport_counters WHERE id = $1").Text, key[:]).
		Scan(&n.spent, &n.level, &n.at, &steps, &n.ends)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil && steps.Valid {
		err = n.steps.read(steps.String)
	}
	return err == nil, err
}

func (t *transaction) write(key id, n *counter) error {
	return t.exec("INSERT INTO sallyport_counters (id, spent, level, at, steps, ends) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE "+
		"SET spent = excluded.spent, level = excluded.level, at = excluded.at, steps = excluded.steps, ends = excluded.ends",
		key[:], n.spent, n.level, n.at, n.steps.String(), n.ends)
}

func (t *transaction) remove(key id) error {
	return t.exec("DELETE FROM sallyport_counters WHERE id = $1", key[:])
}

func (t *transaction) exec(statement string, args ...any) error {
	_, err := t.conn.ExecContext(t.ctx, t.flavour.SQL(statement).Text, args...)
	return err
}

// spans is what was spent in the steps of a rolling window.
type spans [steps + 1]int64

// read reads them as a database has them: with points between them, or in ten digits each.
func (s *spans) read(text string) error {
	*s = spans{}
	if text == "" {
		return nil
	}
	words := strings.Split(text, ".")
	if const10 := 10 * len(s); len(text) == const10 && len(words) == 1 {
		words = words[:0]
		for i := range s {
			words = append(words, text[10*i:10*i+10])
		}
	}
	if len(words) != len(s) {
		return fmt.Errorf("%d steps of a rolling window: %w", len(words), errAnswer)
	}
	for i, word := range words {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return fmt.Errorf("a step of a rolling window: %w", err)
		}
		s[i] = n
	}
	return nil
}

func (s *spans) String() string {
	if *s == (spans{}) {
		return ""
	}
	words := make([]string, len(s))
	for i, n := range s {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ".")
}
