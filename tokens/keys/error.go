package keys

import (
	"errors"
	"fmt"
)

// Error is one defect of the keys passed to [NewSet], [NewRing] or
// [Ring.Replace]. They join all defects into one error; use [errors.As] to read
// one.
type Error struct {
	// Path is where the defect is: "Keys", or "Keys[2]" for the third key.
	Path string

	// Err is the defect. Its text begins with the field if one field is wrong, and
	// never contains a secret.
	Err error
}

// Error returns the path and the defect.
func (e *Error) Error() string { return fmt.Sprintf("keys: %s: %v", e.Path, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// problems collects Errors.
type problems []error

func (p *problems) addf(path, format string, args ...any) {
	*p = append(*p, &Error{Path: path, Err: fmt.Errorf(format, args...)})
}

// err returns all defects joined, or nil if there are none.
func (p problems) err() error { return errors.Join(p...) }
