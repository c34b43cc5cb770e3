package echojwt

import "golang.org/x/crypto/bcrypt"

// Demo returns a database with Ada, who administers it, Bob, Cyd, and Dan, whose account
// is closed, with one password for all. Its hashes are as cheap as bcrypt has them.
func Demo(password string) (*Database, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	db := &Database{tasks: []task{{ID: 1, Owner: "1", Title: "water the roses"}, {ID: 2, Owner: "2", Title: "feed the cat"}, {ID: 3, Owner: "2", Title: "mow the lawn"}}}
	for _, u := range []user{
		{id: "1", login: "ada", name: "Ada", admin: true},
		{id: "2", login: "bob", name: "Bob"},
		{id: "3", login: "cyd", name: "Cyd"},
		{id: "4", login: "dan", name: "Dan", closed: true},
	} {
		u.hash = string(hash)
		db.users = append(db.users, u)
	}
	return db, nil
}
