// Package configerror has the errors that the packages of this module return for
// an invalid configuration. They are values, so that a program can list them:
//
//	auth, err := middleware.New(config)
//	for e := range configerror.All(err) {
//		fmt.Println(e.Package, e.Path, e.Problem)
//	}
package configerror

import "iter"

// Error is one invalid field of a configuration. The functions that check a
// configuration return all defects: *Error values, joined with [errors.Join].
// Each package with such a function names the type ConfigError.
type Error struct {
	// Package is the name of the package that was configured, for example
	// "middleware".
	Package string

	// Path is the parameter, or the type of the configuration, and the field, for
	// example Config.Tiers["free"].Period, or Keys[2].RetiresAt.
	Path string

	// Problem says what the field must be, and what it is, for example "must be
	// whole seconds, got 1.5s". It contains no secret.
	Problem string
}

// Error returns the package, the path and the problem.
func (e *Error) Error() string { return e.Package + ": " + e.Path + ": " + e.Problem }

// All returns the Errors in an error, in their order. It searches errors that
// wrap or join others. It returns an empty sequence for nil and for an error
// without any.
func All(err error) iter.Seq[*Error] {
	return func(yield func(*Error) bool) { visit(err, yield) }
}

// visit reports whether yield is to be called again.
func visit(err error, yield func(*Error) bool) bool {
	switch e := err.(type) { //nolint:errorlint // it goes through the tree itself
	case *Error:
		return yield(e)
	case interface{ Unwrap() error }:
		return visit(e.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if !visit(err, yield) {
				return false
			}
		}
	}
	return true
}
