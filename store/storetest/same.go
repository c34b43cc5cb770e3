package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// difference says in which fields got is not want; empty if in none. Times are
// the same when they are Equal, slices when they have the same elements, so that
// nil and empty are no difference.
func difference[T any](got, want T) string {
	var differ []string
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !same(a, b) {
			differ = append(differ, fmt.Sprintf("%s is %s, not %s", g.Type().Field(i).Name, show(a), show(b)))
		}
	}
	return strings.Join(differ, "; ")
}

func same(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		return a.Equal(b.(time.Time)) && a.IsZero() == b.(time.Time).IsZero()
	case []string:
		return slices.Equal(a, b.([]string))
	case []netip.Prefix:
		return slices.Equal(a, b.([]netip.Prefix))
	case []store.Digest:
		return slices.Equal(a, b.([]store.Digest))
	default:
		return a == b
	}
}

func show(v any) string {
	if at, ok := v.(time.Time); ok {
		return at.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%#v", v)
}
