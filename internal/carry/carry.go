// Package carry has contexts that carry one value and can be part of a larger piece of
// memory, such as the request that has the context.
package carry

import "context"

// Context is a context that carries a V.
type Context[V any] struct {
	context.Context //nolint:containedctx // it is one

	Carried V
}

type key[V any] struct{}

// Value returns a pointer to the V, or a value of the context inside.
func (c *Context[V]) Value(of any) any {
	if of == (key[V]{}) {
		return &c.Carried
	}
	return c.Context.Value(of)
}

// From returns the V that a context carries, or nil. It must not be changed.
func From[V any](ctx context.Context) *V {
	v, _ := ctx.Value(key[V]{}).(*V)
	return v
}
