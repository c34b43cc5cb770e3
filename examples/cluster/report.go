package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// settle asks the store how often each user's sessions have moved on.
func (l *load) settle(ctx context.Context, sessions store.Sessions) error {
	for _, a := range l.accounts {
		all, err := sessions.UserSessions(ctx, "u-"+a.name, store.Newest(), store.MaxPage)
		if err != nil {
			return err
		}
		for _, s := range all {
			a.kept += s.Generation - 1
		}
	}
	return nil
}

// report prints how it went, and returns an error if it did not go as promised.
func (l *load) report(w io.Writer, counts map[string]int) error {
	var admitted, counted, cutOff, limited, rotated int64
	for _, a := range l.accounts {
		admitted += a.admitted.Load()
		counted += max(a.admitted.Load(), min(l.limit, a.admitted.Load()+a.cutOff.Load()))
		cutOff += a.cutOff.Load()
		limited += a.limited.Load()
		rotated += a.kept
	}
	broken := l.broken(counts)
	fmt.Fprintf(w, "logged in %d times\n", counts[string(events.Login)])
	fmt.Fprintf(w, "admitted  %d of %d: %d were answered, and %d of the %d that were cut off with their node had been counted\n",
		counted, l.limit*int64(len(l.accounts)), admitted, counted-admitted, cutOff)
	fmt.Fprintf(w, "refused   %d, over the limit\n", limited)
	fmt.Fprintf(w, "rotated   %d refresh tokens\n", rotated)
	fmt.Fprintf(w, "replayed  %d, with the successor that there was\n", counts[string(events.Replay)])
	fmt.Fprintf(w, "logged out, %d of %d, and then refused by every node\n", l.loggedOut, len(l.clients))
	fmt.Fprintf(w, "lost      %d\n", len(broken))
	return errors.Join(broken...)
}

// broken lists the promises that were not kept.
//
// A call that was cut off may have been counted or not; the client cannot tell.
// But every user was refused in the end, so their limit is spent: whatever part
// of it was not answered was counted for a call that was cut off.
func (l *load) broken(counts map[string]int) []error {
	broken := l.lost
	complain := func(format string, args ...any) { broken = append(broken, fmt.Errorf(format, args...)) }
	for _, a := range l.accounts {
		admitted, cutOff := a.admitted.Load(), a.cutOff.Load()
		switch {
		case admitted > l.limit:
			complain("%s: %d calls were admitted, and the limit is %d", a.name, admitted, l.limit)
		case admitted+cutOff < l.limit:
			complain("%s: %d calls were admitted and %d cut off, and the limit is %d", a.name, admitted, cutOff, l.limit)
		case a.limited.Load() == 0:
			complain("%s: nothing was refused", a.name)
		}
		if seen := a.rotated.Load(); seen != a.kept {
			complain("%s: clients have seen %d refreshes, and the store has %d", a.name, seen, a.kept)
		}
	}
	// one in flight for each client, and one on a connection that had just broken
	if most := int64(2 * len(l.clients)); l.cutOff() > most {
		complain("%d calls were cut off, which is more than the %d that one node can have taken along", l.cutOff(), most)
	}
	if n := counts[string(events.Reuse)]; n > 0 {
		complain("%d sessions were revoked for refresh token reuse, and no client reused one", n)
	}
	return broken
}

func (l *load) cutOff() (n int64) {
	for _, a := range l.accounts {
		n += a.cutOff.Load()
	}
	return n
}
