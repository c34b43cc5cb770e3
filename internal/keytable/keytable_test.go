package keytable_test

import (
	"math/rand/v2"
	"testing"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// The same random operations on a Table and on a map give the same results. Some
// keys collide in all the bits that the index has.
func TestTableIsAMap(t *testing.T) {
	t.Parallel()
	for _, spread := range []uint64{3, 100, 1 << 40} {
		chance := rand.New(rand.NewPCG(spread, 1))
		var table keytable.Table[uint64]
		model := map[keytable.Key]uint64{}
		key := func() keytable.Key {
			return keytable.Key{chance.Uint64N(spread), chance.Uint64N(60)}
		}
		for step := range 20_000 {
			k := key()
			v := table.Find(k)
			want, known := model[k]
			if known != (v != nil) || v != nil && *v != want {
				t.Fatalf("spread %d, step %d: %v, want %d, %t", spread, step, v, want, known)
			}
			switch {
			case !known:
				*table.Insert(k) = uint64(step)
				model[k] = uint64(step)
			case chance.IntN(3) > 0 || step > 17_000:
				table.Delete(k)
				delete(model, k)
			default:
				*v, model[k] = uint64(step)+7, uint64(step)+7
			}
			if table.Len() != len(model) {
				t.Fatalf("%d entries, want %d", table.Len(), len(model))
			}
		}
		for i := range table.Len() {
			if k, v := table.At(i); *v != model[k] {
				t.Errorf("entry %d: %d, want %d", i, *v, model[k])
			}
		}
		for table.Len() > 0 {
			k, _ := table.At(table.Len() / 2)
			table.Delete(k)
			if table.Find(k) != nil {
				t.Fatal("it is there after Delete")
			}
		}
	}
}
