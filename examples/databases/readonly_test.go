package databases_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// A pool that has connections from before a failover, which take no writes, recovers
// without a restart.
func TestFaultC13ReadOnlyConnections(t *testing.T) {
	t.Parallel()
	p := inPostgres(t)
	db := p.db(t)
	const connections = 8
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	s := p.store(t, db)
	// all are as connections are that were made while the server took no writes
	held := make([]*sql.Conn, connections)
	for i := range held {
		var err error
		held[i], err = db.Conn(t.Context())
		must(t, err)
		_, err = held[i].ExecContext(t.Context(), "SET default_transaction_read_only = on")
		must(t, err)
	}
	err := s.CreateSession(cancelled(t), session("never", 1))
	wants(t, err, errSome, "CreateSession, cancelled")
	for _, conn := range held {
		must(t, conn.Close())
	}
	for i, err := range atOnce(2*connections, func(i int) error { return s.CreateSession(t.Context(), session(fmt.Sprint("s", i), 1)) }) {
		wants(t, err, nil, fmt.Sprint("CreateSession ", i))
	}

	p.set(t, "default_transaction_read_only", "on")
	replica, err := sql.Open(p.driver, p.dsn)
	must(t, err)
	t.Cleanup(func() { _ = replica.Close() })
	refuses(t, replica, p.config, "read-only")
}

// So does one of MariaDB.
func TestFaultC13ReadOnlyConnectionsOfMariaDB(t *testing.T) {
	t.Parallel()
	p := inMariaDB(t)
	db := p.db(t)
	const connections = 4
	db.SetMaxIdleConns(connections)
	s := p.store(t, db)
	held := make([]*sql.Conn, connections)
	for i := range held {
		var err error
		held[i], err = db.Conn(t.Context())
		must(t, err)
		_, err = held[i].ExecContext(t.Context(), "SET SESSION TRANSACTION READ ONLY")
		must(t, err)
	}
	for _, conn := range held {
		must(t, conn.Close())
	}
	must(t, s.CreateSession(t.Context(), session("s1", 1)))
	for range 2 * connections {
		must(t, s.RevokeSession(t.Context(), "s1", noon))
	}

	p.set(t, "tx_read_only", "1")
	s, err := sqlstore.Open(t.Context(), p.db(t), p.config)
	if s != nil || !contains(err, "connect to the primary") {
		t.Errorf("Open: %v, %v", s != nil, err)
	}
}
