package passwords_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// narrow has one place to hash at and one to wait at.
var narrow = passwords.Config{Memory: 64, Time: 1, InsecureParameters: true, Concurrent: 1, Queue: 1}

// methods are all that hash, each as an error that is nil if it had its turn.
var methods = map[string]func(ctx context.Context, h *passwords.Hasher, encoded string) error{
	"Hash": func(ctx context.Context, h *passwords.Hasher, _ string) error {
		_, err := h.Hash(ctx, "secret")
		return err
	},
	"Verify": func(ctx context.Context, h *passwords.Hasher, encoded string) error {
		_, err := h.Verify(ctx, encoded, "secret")
		return err
	},
	"VerifyUnknown": func(ctx context.Context, h *passwords.Hasher, _ string) error {
		err := h.VerifyUnknown(ctx, "secret")
		if errors.Is(err, passwords.ErrMismatch) {
			return nil
		}
		return err
	},
}

func TestNoMoreThanConcurrentHashesRunAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, passwords.Config{Concurrent: 3, Queue: 9})
		var working atomic.Int32
		finish := make(chan struct{})
		for range 12 {
			go func() {
				if err := h.Occupy(t.Context()); err != nil {
					t.Error(err)
					return
				}
				working.Add(1)
				<-finish
				working.Add(-1)
				h.Vacate()
			}()
		}

		for finished := range 12 {
			synctest.Wait() // until everybody works or waits
			if got, want := int(working.Load()), min(3, 12-finished); got != want {
				t.Errorf("%d work at once when %d have finished, want %d", got, finished, want)
			}
			finish <- struct{}{}
		}
	})
}

func TestAFullQueueTurnsAwayAtOnce(t *testing.T) {
	t.Parallel()
	for name, call := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHasher(t, narrow)
				encoded := hash(t, h, "secret")
				if err := h.Occupy(t.Context()); err != nil {
					t.Fatal(err)
				}
				second := make(chan error, 1)
				go func() { second <- call(t.Context(), h, encoded) }()
				synctest.Wait()
				select {
				case err := <-second:
					t.Fatalf("the second caller did not wait for a place, but got %v", err)
				default:
				}

				// Were the third to wait, the bubble would be deadlocked.
				if err := call(t.Context(), h, encoded); !errors.Is(err, passwords.ErrBusy) {
					t.Errorf("the third caller got %v, want ErrBusy", err)
				}

				h.Vacate()
				if err := <-second; err != nil {
					t.Errorf("the second caller got %v when it was its turn", err)
				}
				if err := call(t.Context(), h, encoded); err != nil {
					t.Errorf("a later caller got %v, want a place: all have left", err)
				}
			})
		})
	}
}

func TestWhoWaitsMayGiveUp(t *testing.T) {
	t.Parallel()
	for name, call := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHasher(t, narrow)
				encoded := hash(t, h, "secret")
				if err := h.Occupy(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := call(ctx, h, encoded); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want context.DeadlineExceeded", err)
				}

				next := make(chan error, 1) // takes the place that was given up
				go func() { next <- call(t.Context(), h, encoded) }()
				synctest.Wait()
				h.Vacate()
				if err := <-next; err != nil {
					t.Errorf("the next caller got %v", err)
				}
			})
		})
	}
}

func TestAContextThatIsDoneTakesNoPlace(t *testing.T) {
	t.Parallel()
	h := newHasher(t, narrow)
	encoded := hash(t, h, "secret")
	for name, call := range methods {
		if err := call(cancelled(t), h, encoded); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", name, err)
		}
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, passwords.Config{Concurrent: 1, Queue: 3})
		if err := h.Occupy(t.Context()); err != nil {
			t.Fatal(err)
		}
		served := make(chan int, 3)
		for i := range 3 {
			go func() {
				if err := h.Occupy(t.Context()); err != nil {
					t.Error(err)
				}
				served <- i
				h.Vacate()
			}()
			synctest.Wait()
		}
		h.Vacate()
		for want := range 3 {
			if got := <-served; got != want {
				t.Errorf("caller %d was served, want %d", got, want)
			}
		}
	})
}

// Real hashes, for the race detector.
func TestManyHashAtOnce(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	encoded := hash(t, h, "secret")
	var callers sync.WaitGroup
	for range 20 {
		for name, call := range methods {
			callers.Go(func() {
				if err := call(t.Context(), h, encoded); err != nil {
					t.Errorf("%s = %v", name, err)
				}
			})
		}
	}
	callers.Wait()
}
