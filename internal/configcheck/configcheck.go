// Package configcheck collects what is wrong with a configuration, for the
// functions that report all of it at once.
package configcheck

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sallyport-go/sallyport/configerror"
)

// Complain notes what is wrong with the field at the path.
type Complain = func(path, format string, args ...any)

// List collects the errors of one configuration. The zero List is empty, and names
// no package.
type List struct {
	// Package is the name of the package that is configured.
	Package string

	errs []error
}

// At returns a function that notes errors below a parent: At("Config.").
func (l *List) At(parent string) Complain {
	return func(path, format string, args ...any) {
		l.errs = append(l.errs, &configerror.Error{Package: l.Package, Path: parent + path, Problem: fmt.Sprintf(format, args...)})
	}
}

// Err returns all errors, joined; nil if there are none.
func (l *List) Err() error { return errors.Join(l.errs...) }

// Repeat notes the errors of another package about fields that this configuration
// has as well: each path without its prefix.
func Repeat(err error, prefix string, complain Complain) {
	for e := range configerror.All(err) {
		complain(strings.TrimPrefix(e.Path, prefix), "%s", e.Problem)
	}
}

// Optional complains of an interface that is not nil but holds a nil pointer, because
// its methods would panic, and reports whether it is usable.
func Optional(path string, v any, complain Complain) (usable bool) {
	if v == nil {
		return true
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		complain(path, "must not be a nil %T", v)
		return false
	}
	return true
}

// Required complains of an interface that is nil, and of one that holds a nil
// pointer.
func Required(path string, v any, complain Complain) {
	if v == nil {
		complain(path, "is required")
		return
	}
	Optional(path, v, complain)
}
