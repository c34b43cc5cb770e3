package keys

import (
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// ConfigError is one defect of the keys passed to [NewSet], [NewRing] or
// [Ring.Replace]. They join all defects into one error; use [errors.As] to read
// one, or [configerror.All] to list them. Its Path is "Keys", "Keys[2]" for the
// third key, or "Keys[2].Secret" for a field of it. It never contains a secret.
type ConfigError = configerror.Error

// defect is what is wrong with a key, or with one field of it.
type defect struct{ field, problem string }

// Error returns the field, if there is one, and the problem.
func (d *defect) Error() string {
	if d.field == "" {
		return d.problem
	}
	return d.field + ": " + d.problem
}

func wrongField(field, format string, args ...any) error {
	return &defect{field, fmt.Sprintf(format, args...)}
}

// problems collects ConfigErrors.
type problems struct {
	configcheck.List

	complain configcheck.Complain
}

func newProblems() *problems {
	p := &problems{List: configcheck.List{Package: "keys"}}
	p.complain = p.At("")
	return p
}

// key notes what is wrong with the key at an index.
func (p *problems) key(i int, err error) {
	path := fmt.Sprintf("Keys[%d]", i)
	if d := (*defect)(nil); errors.As(err, &d) && d.field != "" {
		p.complain(path+"."+d.field, "%s", d.problem)
		return
	}
	p.complain(path, "%v", err)
}
