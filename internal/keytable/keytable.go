// Package keytable is a hash table of small values that the garbage collector
// does not look into: a million of them cost it nothing.
package keytable

// Key is a key that has been hashed already, evenly: the table takes its bits as
// they are.
type Key [2]uint64

// Max is how many entries a Table can have.
const Max = 1<<slotBits - 1

const (
	slotBits  = 20
	slotMask  = 1<<slotBits - 1
	chunkBits = 6 // entries come in chunks, so that a small table is small
	chunkMask = 1<<chunkBits - 1
	least     = 16 // words in an index
)

// Table is a hash table. The zero value is empty. It is not safe for concurrent
// use. No step of it looks at more than the entries that collide, but for the
// growth of the index, which reads all keys once, one after the other.
type Table[V any] struct {
	// index is open addressing with linear probing. A word has some bits of the
	// key, to spare a look at the entry, and the entry's place plus one; 0 is empty.
	index  []uint32
	chunks []*chunk[V] // dense: entry i is there if i < n
	n      int
}

type chunk[V any] [1 << chunkBits]entry[V]

type entry[V any] struct {
	key   Key
	value V
}

// Len is how many entries there are.
func (t *Table[V]) Len() int { return t.n }

// Find returns the value of the key, or nil. It can be changed in place, and is
// good until the next Insert or Delete.
func (t *Table[V]) Find(k Key) *V {
	if t.n == 0 {
		return nil
	}
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	tag := tagOf(k)
	for at := uint32(k[0]) & mask; ; at = (at + 1) & mask { //nolint:gosec // the low bits are meant
		word := t.index[at]
		if word == 0 {
			return nil
		}
		if word&^slotMask == tag {
			if e := t.entry(int(word&slotMask) - 1); e.key == k {
				return &e.value
			}
		}
	}
}

// Insert adds a key that is not there, and returns its value to be set. There is
// room for Max.
func (t *Table[V]) Insert(k Key) *V {
	if 4*(t.n+1) > 3*len(t.index) {
		t.grow()
	}
	if t.n>>chunkBits == len(t.chunks) {
		t.chunks = append(t.chunks, new(chunk[V]))
	}
	e := t.entry(t.n)
	*e = entry[V]{key: k}
	t.n++
	t.point(k, t.n)
	return &e.value
}

// Delete removes a key that is there. The last entry takes its place, which Delete
// returns, as At counts.
func (t *Table[V]) Delete(k Key) (place int) {
	at := t.where(k)
	slot := int(t.index[at]&slotMask) - 1
	t.unpoint(at)
	t.n--
	if last := t.entry(t.n); slot != t.n {
		word := t.where(last.key)
		t.index[word] = t.index[word]&^slotMask | uint32(slot+1)
		*t.entry(slot) = *last
	}
	if spare := t.n>>chunkBits + 2; spare < len(t.chunks) {
		t.chunks[spare] = nil
		t.chunks = t.chunks[:spare]
	}
	return slot
}

// At returns the i-th of Len entries. A Delete changes their order.
func (t *Table[V]) At(i int) (Key, *V) {
	e := t.entry(i)
	return e.key, &e.value
}

func (t *Table[V]) entry(slot int) *entry[V] { return &t.chunks[slot>>chunkBits][slot&chunkMask] }

func tagOf(k Key) uint32 { return uint32(k[1]>>32) &^ slotMask }

// where is the word of a key that is there.
func (t *Table[V]) where(k Key) uint32 {
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	at := uint32(k[0]) & mask        //nolint:gosec // the low bits are meant
	for tag := tagOf(k); ; at = (at + 1) & mask {
		if word := t.index[at]; word&^slotMask == tag && t.entry(int(word&slotMask)-1).key == k {
			return at
		}
	}
}

// point makes the index say that a key is at this place, counted from 1.
func (t *Table[V]) point(k Key, place int) {
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	at := uint32(k[0]) & mask        //nolint:gosec // the low bits are meant
	for t.index[at] != 0 {
		at = (at + 1) & mask
	}
	t.index[at] = tagOf(k) | uint32(place) //nolint:gosec // at most Max
}

// unpoint empties a word, and moves those behind it that would not be found any
// more.
func (t *Table[V]) unpoint(hole uint32) {
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	for at := (hole + 1) & mask; t.index[at] != 0; at = (at + 1) & mask {
		home := uint32(t.entry(int(t.index[at]&slotMask) - 1).key[0]) & mask //nolint:gosec // the low bits are meant
		if (at-home)&mask >= (at-hole)&mask {
			t.index[hole] = t.index[at]
			hole = at
		}
	}
	t.index[hole] = 0
}

func (t *Table[V]) grow() {
	t.index = make([]uint32, max(least, 2*len(t.index)))
	for i := range t.n {
		t.point(t.entry(i).key, i+1)
	}
}
