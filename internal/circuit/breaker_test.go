package circuit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/internal/circuit"
)

// A Cluster that moves a slot refuses calls for a moment: that says nothing. One that goes
// on refusing is silent.
func TestAClusterThatIsDownIsSilentAfterAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := circuit.NewServer(1)
		for _, at := range []struct {
			after time.Duration
			want  circuit.Outcome
		}{{0, circuit.Nothing}, {999 * time.Millisecond, circuit.Nothing}, {time.Millisecond, circuit.Silent}, {time.Hour, circuit.Silent}} {
			time.Sleep(at.after)
			if got := s.Down(time.Second); got != at.want {
				t.Errorf("%v later: %v, want %v", at.after, got, at.want)
			}
		}
		if s.IsOpen() {
			t.Error("it is open before the outcome was told")
		}
	})
}
