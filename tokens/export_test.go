package tokens

import "github.com/sallyport-go/sallyport/store"

// Checked is a store whose answers are checked, as an Authority asks it.
func Checked(s store.Store) store.Store { return checkedStore{s} }
