package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sallyport-go/sallyport/store"
)

var historyRules = []rule{{
	name:  "What many do to a session happens in one order",
	says:  "The calls of CreateSession, Session, AdvanceSession and RevokeSession for one session are linearizable: all callers see them one after the other, each at a moment between its call and its return.",
	why:   "a generation that is seen and then gone again, or a conflict without another caller, is taken for a stolen token, and ends the session of a conforming user",
	check: happensInOneOrder,
}}

const (
	histories = 12 // sessions
	writers   = 3  // callers of each that write
	readers   = 3  // callers of each that only read
	turns     = 10 // calls of a writer
	looks     = 40 // calls of a reader, at most
	thinking  = 10 * time.Second
)

// happensInOneOrder lets callers make random calls for one session, while others
// read it, and looks for an order of the calls that explains all results.
func happensInOneOrder(t *trial) {
	for range histories {
		h := &history{trial: t, session: t.newSession()}
		h.writing.Store(writers)
		made := make([][]porcupine.Operation, writers+readers)
		errs := atOnce(len(made), func(client int) (err error) {
			if client >= writers {
				made[client], err = h.looksOn(client)
				return err
			}
			defer h.writing.Add(-1)
			made[client], err = h.writes(client)
			return err
		})
		t.must(errors.Join(errs...), "%d callers", len(made))
		h.check(slices.Concat(made...))
	}
}

// history is the calls for one session.
type history struct {
	*trial

	session store.Session
	stamp   atomic.Int64 // calls and returns so far
	writing atomic.Int64 // writers that have not finished
}

// act is one call.
type act struct {
	method   string
	from     int64
	at, idle time.Time
	row      row // of CreateSession
}

// told is the result of a call.
type told struct {
	err error // nil, or a sentinel
	row row   // of Session
}

// row is the visible state of the session.
type row struct {
	there                                 bool
	user                                  string
	generation, advanced, idle, revokedAt int64
}

func rowOf(s store.Session) row {
	r := row{there: true, user: s.UserID, generation: s.Generation, advanced: s.AdvancedAt.UnixMicro(), idle: s.IdleUntil.UnixMicro()}
	if !s.RevokedAt.IsZero() {
		r.revokedAt = s.RevokedAt.UnixMicro()
	}
	return r
}

// writes makes the calls of one writer. It advances only a generation that it has
// read, because no client knows the ID of a session before it exists.
func (h *history) writes(client int) (made []porcupine.Operation, err error) {
	var seen row
	for turn := range turns {
		at := h.now.Add(time.Duration(client*turns+turn) * time.Second) // its own
		a := act{method: "Session", at: at, idle: at.Add(day)}
		switch chance := rand.IntN(100); {
		case turn == 0:
			a.method = "CreateSession"
		case !seen.there || chance < 30:
		case chance < 80:
			a.method, a.from = "AdvanceSession", seen.generation
		case chance < 88:
			a.method, a.from = "AdvanceSession", seen.generation+1
		case chance < 92:
			a.method = "CreateSession"
		case turn > turns/2:
			a.method = "RevokeSession"
		}
		op, err := h.calls(client, a)
		if err != nil {
			return nil, err
		}
		made = append(made, op)
		if r := op.Output.(told).row; r.there {
			seen = r
		}
	}
	return made, nil
}

// looksOn reads until the last writer has finished.
func (h *history) looksOn(client int) (made []porcupine.Operation, err error) {
	for len(made) < looks && h.writing.Load() > 0 {
		op, err := h.calls(client, act{method: "Session"})
		if err != nil {
			return nil, err
		}
		made = append(made, op)
		runtime.Gosched()
	}
	return made, nil
}

// calls makes one call, and records its times and its result.
func (h *history) calls(client int, a act) (op porcupine.Operation, err error) {
	op.ClientId, op.Call = client, h.stamp.Add(1)
	row, answer := h.does(a)
	op.Return = h.stamp.Add(1)
	a.row = row
	op.Input, op.Output = a, answer
	if answer.err != nil && !errors.Is(answer.err, store.ErrConflict) && !errors.Is(answer.err, store.ErrNotFound) {
		return op, fmt.Errorf("%s: %w", a.method, answer.err)
	}
	return op, nil
}

// does makes the call, and says what it was told. Of a call that writes a row it
// returns the row as well.
func (h *history) does(a act) (written row, answer told) {
	switch a.method {
	case "CreateSession":
		s := h.session
		s.UserID += a.at.String() // shows which call was first
		s.Scopes = slices.Clone(s.Scopes)
		return rowOf(s), told{err: h.Store.CreateSession(h.ctx, s)}
	case "AdvanceSession":
		return row{}, told{err: h.Store.AdvanceSession(h.ctx, h.session.ID, a.from, a.at, a.idle)}
	case "RevokeSession":
		return row{}, told{err: h.Store.RevokeSession(h.ctx, h.session.ID, a.at)}
	default:
		s, err := h.Store.Session(h.ctx, h.session.ID)
		if err != nil {
			return row{}, told{err: err}
		}
		return row{}, told{row: rowOf(s)}
	}
}

// after is the contract: what a call is told of a row, and what it leaves.
func (a act) after(r row) (row, told) {
	switch {
	case a.method == "CreateSession" && r.there:
		return r, told{err: store.ErrConflict}
	case a.method == "CreateSession":
		return a.row, told{}
	case a.method == "RevokeSession":
		if r.there && r.revokedAt == 0 {
			r.revokedAt = a.at.UnixMicro()
		}
		return r, told{}
	case !r.there:
		return r, told{err: store.ErrNotFound}
	case a.method == "Session":
		return r, told{row: r}
	case r.revokedAt != 0, r.generation != a.from:
		return r, told{err: store.ErrConflict}
	}
	r.generation, r.advanced, r.idle = a.from+1, a.at.UnixMicro(), a.idle.UnixMicro()
	return r, told{}
}

// is reports whether two answers are the same; sentinels may be wrapped.
func (t told) is(expected told) bool {
	return errors.Is(t.err, expected.err) && t.row == expected.row
}

func (a act) String() string {
	if a.method == "AdvanceSession" {
		return fmt.Sprintf("AdvanceSession from %d", a.from)
	}
	return a.method
}

func (t told) String() string {
	switch {
	case t.err != nil:
		return fmt.Sprintf("%q", t.err)
	case t.row.there:
		return fmt.Sprintf("generation %d, revoked: %t", t.row.generation, t.row.revokedAt != 0)
	}
	return "nil"
}

// check fails the rule unless there is an order. A history that takes too long to
// be understood is no proof of anything.
func (h *history) check(made []porcupine.Operation) {
	contract := porcupine.Model{
		Init: func() any { return row{} },
		Step: func(state, input, output any) (bool, any) {
			next, answer := input.(act).after(state.(row))
			return output.(told).is(answer), next
		},
	}
	result, info := porcupine.CheckOperationsVerbose(contract, made, thinking)
	if result != porcupine.Illegal {
		return
	}
	var sense []int // the most of them that have an order
	for _, some := range slices.Concat(info.PartialLinearizations()...) {
		if len(some) > len(sense) {
			sense = some
		}
	}
	first := -1 // of the others, by its return
	for i, op := range made {
		if !slices.Contains(sense, i) && (first < 0 || op.Return < made[first].Return) {
			first = i
		}
	}
	h.failf("%d calls of one session by %d callers at once: when %d of them had an order, none fits %v that returned %v",
		len(made), writers+readers, len(sense), made[first].Input, made[first].Output)
}
