package sqlschema_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sallyport-go/sallyport/internal/sqlschema"
)

type numbered struct{ Number uint16 }

func (numbered) Error() string { return "an error of MySQL" }

func TestTheNumberOfAnErrorIsFoundHoweverItIsWrapped(t *testing.T) {
	t.Parallel()
	one := &numbered{1205}
	for name, tt := range map[string]struct {
		err  error
		want uint64
	}{
		"none": {nil, 0}, "without a number": {errors.New("x"), 0}, "itself": {one, 1205}, "wrapped": {fmt.Errorf("x: %w", one), 1205},
		"with that of a context": {fmt.Errorf("%w: %w", context.DeadlineExceeded, one), 1205},
		"joined with another":    {fmt.Errorf("x: %w", errors.Join(errors.New("y"), one)), 1205},
		"joined without any":     {errors.Join(errors.New("x"), errors.New("y")), 0},
	} {
		if got := sqlschema.ErrorNumber(tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
