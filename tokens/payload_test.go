package tokens_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/tokens"
)

func TestPayloadIsWhatEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "shop", "r&d", `a"b`, `a\b`, "<b>", "a\nb", "a\x00b", "a\x7fb", "ö", "\u2028", "a\xffb", "😀"} {
		for _, number := range []int64{0, 3, -1, 1772600767} {
			for set := range uint(1 << 13) {
				if set%7 != 0 && set > 64 { // each pair of claims is there often enough
					continue
				}
				if err := tokens.PayloadsDiffer(text, number, set); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
