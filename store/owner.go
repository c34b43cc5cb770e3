package store

// OwnerKind is the kind of the owner of an API key.
type OwnerKind string

// The kinds.
const (
	// OwnerUser: the owner is a user, of [Users]. It is the zero value.
	OwnerUser OwnerKind = ""

	// OwnerAccount: the owner is an account, such as a company. Its keys survive the
	// user who made them.
	OwnerAccount OwnerKind = "account"

	// OwnerService: the owner is a service account, which no person logs in as.
	OwnerService OwnerKind = "service"
)

// Owner is whose an API key is. The zero Kind is a user, so Owner{ID: "u1"} is the
// user "u1".
type Owner struct {
	// Kind is the kind of the owner.
	Kind OwnerKind

	// ID is the ID of the user, the account or the service account. Owners of
	// different kinds are different, even if they have one ID.
	ID string
}

// Subject returns the subject ("sub") of the owner's access tokens: the ID of a user,
// and otherwise the kind, a colon and the ID, such as "service:nightly-import", so that
// the token of a key is never taken for that of a user with the same ID.
func (o Owner) Subject() string {
	if o.Kind == OwnerUser {
		return o.ID
	}
	return string(o.Kind) + ":" + o.ID
}
