package memstore

// Hash returns what is stored of a user's password.
func (s *Store) Hash(id string) string { return s.byID(id).hash }
