package storetest_test

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// referenceLists are the simplest conforming deny list and list of clients there are.
type referenceLists struct {
	*reference

	denied  map[string]time.Time
	clients map[string]store.Client
}

func newReferenceLists(p *reference) *referenceLists {
	return &referenceLists{reference: p, denied: map[string]time.Time{}, clients: map[string]store.Client{}}
}

func (p *referenceLists) DenySession(ctx context.Context, sid string, until time.Time) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if until.After(p.denied[sid]) {
		p.denied[sid] = until
	}
	return nil
}

func (p *referenceLists) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for _, sid := range sids {
		if until.After(p.denied[sid]) {
			p.denied[sid] = until
		}
	}
	return nil
}

func (p *referenceLists) SessionDenied(ctx context.Context, sid string) (bool, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	_, denied := p.denied[sid]
	return denied, nil
}

// undeny takes sessions off the list.
func (p *referenceLists) undeny(ctx context.Context, unwanted func(sid string, until time.Time) bool) (n int, err error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	for sid, until := range p.denied {
		if unwanted(sid, until) {
			delete(p.denied, sid)
			n++
		}
	}
	return n, nil
}

func (p *referenceLists) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	return p.undeny(ctx, func(_ string, until time.Time) bool { return !until.After(before) })
}

// own returns the client itself, whose slices are the list's.
func (p *referenceLists) own(ctx context.Context, id string) (store.Client, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return store.Client{}, err
	}
	defer leave()
	c, ok := p.clients[id]
	if !ok {
		return store.Client{}, notFound("client")
	}
	return c, nil
}

func (p *referenceLists) Client(ctx context.Context, id string) (store.Client, error) {
	c, err := p.own(ctx, id)
	c.Secrets, c.Grants, c.Scopes = slices.Clone(c.Secrets), slices.Clone(c.Grants), slices.Clone(c.Scopes)
	return c, err
}

func (p *referenceLists) setClient(ctx context.Context, c store.Client) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	p.clients[c.ID] = c
	return nil
}

func (p *referenceLists) removeClient(ctx context.Context, id string) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	delete(p.clients, id)
	return nil
}
