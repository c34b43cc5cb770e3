package store

import "time"

// MaxPage is the maximum length of a page of a list.
const MaxPage = 1000

// Cursor is a position in a list whose newest row is the first: behind all rows that
// are newer than CreatedAt, and behind those of that very time whose ID is ID or
// greater, byte by byte. It names a time and no row, so it stays good when the row at
// it is deleted.
type Cursor struct {
	// CreatedAt is that of the row at the position.
	CreatedAt time.Time

	// ID is that of the row at the position. Empty: the position is behind all rows
	// of that time.
	ID string
}

// Newest returns the Cursor before the first row of every list.
func Newest() Cursor {
	return Cursor{CreatedAt: time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC)}
}

// Cursor returns the position behind the session.
func (s Session) Cursor() Cursor { return Cursor{s.CreatedAt, s.ID} }

// Cursor returns the position behind the key.
func (k APIKey) Cursor() Cursor { return Cursor{k.CreatedAt, k.ID} }

// Passed reports whether the position is behind a row.
func (c Cursor) Passed(createdAt time.Time, id string) bool {
	if !createdAt.Equal(c.CreatedAt) {
		return createdAt.After(c.CreatedAt)
	}
	return id >= c.ID
}
