package strictjson_test

import (
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/strictjson"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		text string
		want int // members; -1: an error
	}{
		"an empty object":                           {"{}", 0},
		"members of every kind":                     {` {"a": "b", "c": [1, {"d": null}]} `, 2},
		"names that differ in case are two":         {`{"a":1,"A":2}`, 2},
		"a name that stands twice":                  {`{"a":1,"a":2}`, -1},
		"a name that stands twice, once in escapes": {`{"a":1,"\u0061":2}`, -1},
		"text behind the object":                    {`{} {}`, -1},
		"an array":                                  {`[]`, -1},
		"an object that breaks off":                 {`{"a":1`, -1},
		"a member without a value":                  {`{"a"}`, -1},
		"a value that is not JSON":                  {`{"a":x}`, -1},
		"bytes that are not UTF-8":                  {"{\"a\":\"\xff\"}", -1},
		"numbers that a float64 holds":              {`{"a":-0.5e+3,"b":[1E308,0],"c":1e-999,"1e999":"\"1e999"}`, 4},
		"a number that no float64 holds":            {`{"a":1e400}`, -1},
		"a negative one, deep in an array":          {`{"a":[1,{"b":[-17726E0767]}]}`, -1},
		"one of many digits":                        {`{"a":` + strings.Repeat("9", 310) + `}`, -1},
		"nothing":                                   {"", -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := strictjson.Members([]byte(x.text))
			if (err != nil) != (x.want < 0) || err == nil && len(got) != x.want {
				t.Errorf("%d members, %v, want %d", len(got), err, x.want)
			}
		})
	}
}
