package fieldvalue_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

func TestIsQuotable(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		want := c >= ' ' && c <= '~' && c != '"' && c != '\\'
		for _, s := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}), string([]byte{byte(c)}) + "b"} {
			if got := fieldvalue.IsQuotable(s); got != want {
				t.Errorf("IsQuotable(%q) = %t, want %t", s, got, want)
			}
		}
	}
	if !fieldvalue.IsQuotable("") {
		t.Error("the empty string is not quotable")
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int64{
		-time.Hour: 0, -1: 0, 0: 0, 1: 1, time.Second - 1: 1, time.Second: 1, time.Second + 1: 2, time.Hour: 3600,
	} {
		if got := fieldvalue.Seconds(d); got != want {
			t.Errorf("Seconds(%v) = %d, want %d", d, got, want)
		}
	}
}
