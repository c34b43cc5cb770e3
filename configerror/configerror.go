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
// configuration return all that is wrong with it: *Error values, joined with
// [errors.Join]. Each package that has such a function names the type ConfigError.
type Error struct {
	// Package is the name of the package that was configured: "middleware".
	Package string

	// Path is the parameter, or the type of the configuration, and the field:
	// Config.Tiers["free"].Period, or Keys[2].RetiresAt.
	Path string

	// Problem says what the field must be, and what it is: "must be whole seconds, got
	// 1.5s". It contains no secret.
	Problem string
}

// Error returns the package, the path and the problem.
func (e *Error) Error() string { return e.Package + ": " + e.Path + ": " + e.Problem }

// All returns the Errors in an error, in their order. It looks into errors that
// wrap others or join them. An error without any has none; neither has nil.
func All(err error) iter.Seq[*Error] {
	return func(yield func(*Error) bool) { visit(err, yield) }
}

// visit reports whether yield wants more.
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
