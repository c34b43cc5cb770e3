// Package keytable is a hash table of small values. If the values have no pointers,
// the garbage collector does not scan them, however many there are.
package keytable

// Key is a hashed key. Its bits must be evenly distributed, because the table does
// not hash them again.
type Key [2]uint64

// Max is how many entries a Table can have.
const Max = 1<<slotBits - 1

const (
	slotBits  = 20
	slotMask  = 1<<slotBits - 1
	chunkBits = 6 // entries are allocated in chunks, so that a small table needs little memory
	chunkMask = 1<<chunkBits - 1
	least     = 16 // words in an index
)

// Table is a hash table. The zero value is empty. It is not safe for concurrent
// use. Each method reads only the entries that collide, except that Insert, when
// the index grows, reads all keys once.
type Table[V any] struct {
	// index uses open addressing with linear probing. A word has 12 bits of the key,
	// which avoid most reads of other entries, and the entry's place plus one in its
	// low 20 bits; 0 is empty.
	index  []uint32
	chunks []*chunk[V] // dense: entry i exists if i < n
	n      int
}

type chunk[V any] [1 << chunkBits]entry[V]

type entry[V any] struct {
	key   Key
	value V
}

// Len returns the number of entries.
func (t *Table[V]) Len() int { return t.n }

// Find returns a pointer to the value of the key, or nil. The caller may change the
// value. The pointer is valid until the next Insert or Delete.
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

// Insert adds a key that is not in the table, and returns a pointer to its zero
// value. The table must have fewer than Max entries.
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

// Delete removes a key that is in the table. It moves the last entry to the place of
// the removed one, and returns that place as At counts.
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

// At returns entry i, where 0 <= i < Len. Delete changes the order of the entries.
func (t *Table[V]) At(i int) (Key, *V) {
	e := t.entry(i)
	return e.key, &e.value
}

func (t *Table[V]) entry(slot int) *entry[V] { return &t.chunks[slot>>chunkBits][slot&chunkMask] }

func tagOf(k Key) uint32 { return uint32(k[1]>>32) &^ slotMask }

// where returns the place in index of a key that is in the table.
func (t *Table[V]) where(k Key) uint32 {
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	at := uint32(k[0]) & mask        //nolint:gosec // the low bits are meant
	for tag := tagOf(k); ; at = (at + 1) & mask {
		if word := t.index[at]; word&^slotMask == tag && t.entry(int(word&slotMask)-1).key == k {
			return at
		}
	}
}

// point adds a key to the index, with the place of its entry counted from 1.
func (t *Table[V]) point(k Key, place int) {
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	at := uint32(k[0]) & mask        //nolint:gosec // the low bits are meant
	for t.index[at] != 0 {
		at = (at + 1) & mask
	}
	t.index[at] = tagOf(k) | uint32(place) //nolint:gosec // at most Max
}

// unpoint empties a word of the index, and moves the words behind it that linear
// probing would no longer find.
func (t *Table[V]) unpoint(empty uint32) {
	mask := uint32(len(t.index) - 1) //nolint:gosec // at most 2^21
	for at := (empty + 1) & mask; t.index[at] != 0; at = (at + 1) & mask {
		home := uint32(t.entry(int(t.index[at]&slotMask) - 1).key[0]) & mask //nolint:gosec // the low bits are meant
		if (at-home)&mask >= (at-empty)&mask {
			t.index[empty] = t.index[at]
			empty = at
		}
	}
	t.index[empty] = 0
}

func (t *Table[V]) grow() {
	t.index = make([]uint32, max(least, 2*len(t.index)))
	for i := range t.n {
		t.point(t.entry(i).key, i+1)
	}
}
