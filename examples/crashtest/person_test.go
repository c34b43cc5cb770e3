package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// person lives behind a client: they come in, refresh, now and then leave, and
// ask again whenever an answer was lost. They never present a token that they
// have had a successor of.
type person struct {
	client

	newest token   // "": they are not in
	spent  []token // of the same session, in their order
	past   []past

	logins, refreshes, reuses, logouts, lost int
}

// past is a session that is over, and how.
type past struct {
	token token // the newest that its owner had
	how   string
}

const (
	toldOfReuse = "told of reuse"
	leftIt      = "logged out"
)

// lives until over is closed, and then finishes what it has begun.
func (p *person) lives(ctx context.Context, over <-chan struct{}) error {
	for {
		select {
		case <-over:
			return nil
		default:
		}
		if err := p.acts(ctx); err != nil {
			return err
		}
	}
}

func (p *person) acts(ctx context.Context) error {
	switch {
	case p.newest == "":
		return p.comesIn(ctx)
	case chance(24) == 0:
		return p.leaves(ctx)
	}
	return p.movesOn(ctx)
}

// insists asks until the answer is one that says something, and says how often it
// has asked.
func (p *person) insists(ctx context.Context, ask func(context.Context) (answer, error)) (a answer, asked int, err error) {
	for asked = 1; ; asked++ {
		a, err = ask(ctx)
		if ctx.Err() != nil {
			return a, asked, ctx.Err()
		}
		if err == nil && a.status != http.StatusServiceUnavailable {
			return a, asked, nil
		}
		p.lost++
		pause(ctx, 10*time.Millisecond)
	}
}

func (p *person) comesIn(ctx context.Context) error {
	a, _, err := p.insists(ctx, p.login)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK || a.token.generation() != 1 {
		return fmt.Errorf("a login was answered %+v", a)
	}
	p.newest, p.spent = a.token, nil
	p.logins++
	return nil
}

func (p *person) leaves(ctx context.Context) error {
	a, _, err := p.insists(ctx, func(ctx context.Context) (answer, error) { return p.logout(ctx, p.newest) })
	if err != nil {
		return err
	}
	if a.status != http.StatusNoContent {
		return fmt.Errorf("a logout was answered %+v", a)
	}
	p.past = append(p.past, past{p.newest, leftIt})
	p.newest = ""
	p.logouts++
	return nil
}

func (p *person) movesOn(ctx context.Context) error {
	a, asked, err := p.insists(ctx, func(ctx context.Context) (answer, error) {
		if p.mode == graceful && chance(8) == 0 {
			return p.inTwoTabs(ctx)
		}
		return p.refresh(ctx, p.newest)
	})
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK && a.token.session() == p.newest.session() && a.token.generation() == p.newest.generation()+1:
		p.spent = append(p.spent, p.newest)
		p.newest = a.token
		p.refreshes++
		return nil
	case a.status == http.StatusBadRequest && a.code == "invalid_grant" && p.mode == strict && asked > 1:
		// It was presented twice. Whether it was spent the first time the store
		// will say.
		p.past = append(p.past, past{p.newest, toldOfReuse})
		p.newest = ""
		p.reuses++
		return nil
	}
	return fmt.Errorf("%s: generation %d, presented %d times, was answered %+v", p.mode, p.newest.generation(), asked, a)
}

var errTabs = errors.New("two tabs got two successors of one token")

// inTwoTabs presents the same token twice at once. If both are answered, they are
// answered alike.
func (p *person) inTwoTabs(ctx context.Context) (answer, error) {
	var answers [2]answer
	var errs [2]error
	var tabs sync.WaitGroup
	for i := range answers {
		tabs.Go(func() { answers[i], errs[i] = p.refresh(ctx, p.newest) })
	}
	tabs.Wait()
	for i, a := range answers {
		other := answers[1-i]
		if errs[i] != nil || a.status == http.StatusServiceUnavailable {
			continue
		}
		if errs[1-i] == nil && other.status != http.StatusServiceUnavailable && other != a {
			return answer{}, fmt.Errorf("%w: %+v and %+v", errTabs, a, other)
		}
		return a, nil
	}
	return answers[0], errs[0]
}
