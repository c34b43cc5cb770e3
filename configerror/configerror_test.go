package configerror_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/middleware/clientip"
)

func TestAll(t *testing.T) {
	t.Parallel()
	one := &configerror.Error{Package: "middleware", Path: `Config.Tiers["free"].Period`, Problem: "must be whole seconds, got 1.5s"}
	other := &configerror.Error{Package: "keys", Path: "Keys[2]", Problem: "is required"}
	for name, test := range map[string]struct {
		err  error
		want []*configerror.Error
	}{
		"no error has none":                    {nil, nil},
		"another error has none":               {errors.New("down"), nil},
		"one is itself":                        {one, []*configerror.Error{one}},
		"joined errors are in their order":     {errors.Join(other, errors.New("down"), one), []*configerror.Error{other, one}},
		"a wrapped error is found":             {fmt.Errorf("at start: %w", errors.Join(one)), []*configerror.Error{one}},
		"errors in several branches are found": {errors.Join(errors.Join(one), fmt.Errorf("and: %w", errors.Join(other, one))), []*configerror.Error{one, other, one}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := slices.Collect(configerror.All(test.err)); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}

	t.Run("the text is the package, the path and the problem", func(t *testing.T) {
		t.Parallel()
		if got, want := one.Error(), `middleware: Config.Tiers["free"].Period: must be whole seconds, got 1.5s`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})

	t.Run("the caller may stop", func(t *testing.T) {
		t.Parallel()
		for e := range configerror.All(errors.Join(errors.Join(one, other), other)) {
			if e != one {
				t.Error(e)
			}
			break
		}
	})
}

// A program can show each field that is wrong beside the field.
func ExampleAll() {
	_, err := clientip.BehindProxies(clientip.Proxies{Header: "X Y", Hops: -1})
	for e := range configerror.All(err) {
		fmt.Printf("%s of %s %s\n", e.Path, e.Package, e.Problem)
	}
	// Output:
	// Proxies.Trusted of clientip must name at least one network, got none; without proxies use RemoteAddr
	// Proxies.Header of clientip must be the name of a header, got "X Y"
	// Proxies.Hops of clientip must be 0 or more, got -1
}
