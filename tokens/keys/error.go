package keys

import (
	"errors"
	"fmt"
)

// Error is one thing that is wrong with the keys of [NewSet], [NewRing] or
// [Ring.Replace], which join as many as there are.
type Error struct {
	// Path is where it is: "Keys" or, for the third key, "Keys[2]".
	Path string

	// Err says what is wrong, and begins with the field where one field is wrong.
	// It has no secret in it.
	Err error
}

// Error is the path and what is wrong there.
func (e *Error) Error() string { return fmt.Sprintf("keys: %s: %v", e.Path, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// problems collects Errors.
type problems []error

func (p *problems) addf(path, format string, args ...any) {
	*p = append(*p, &Error{Path: path, Err: fmt.Errorf(format, args...)})
}

// err returns all of them joined; nil if there are none.
func (p problems) err() error { return errors.Join(p...) }
