package main

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

type migrateCommands struct {
	Status migrateStatus `cmd:"" help:"List the migrations, and which have not run."`
	Up     migrateUp     `cmd:"" help:"Run the migrations that have not run."`
}

type migrateStatus struct{ storeFlags }

// Help is the rest of --help.
func (migrateStatus) Help() string {
	return `Nothing is changed. The exit code is 3 if a migration has not run.

    sallyport migrate status --store postgres://shop@db.internal/shop
    sallyport migrate status --json

JSON: {"type":"migration","name":"00001_sessions.sql","state":"applied"}, with the state
applied or pending, one object for each migration.`
}

type migrateUp struct {
	storeFlags

	DryRun bool `help:"List what would run, and run nothing."`
}

// Help is the rest of --help.
func (migrateUp) Help() string {
	return `Creates the tables, or updates them to this release; if there is nothing to do, nothing is
changed. The role must be allowed to create tables. Several may run it at once: one does the
work. A file of SQLite that is not there is made, with mode 0600. If a migration fails, what
ran before it stays; run the same command again.

    sallyport migrate up --dry-run --store sqlite:auth.db
    sallyport migrate up --store sqlite:auth.db

JSON: as migrate status, for the migrations that ran (or, with --dry-run, would run).`
}

// migration is one file of the migrations.
type migration struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	State string `json:"state"`
}

func (migration) head() []string    { return []string{"MIGRATION", "STATE"} }
func (m migration) cells() []string { return []string{m.Name, m.State} }

// Run runs the command.
func (c *migrateStatus) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	db, config, err := c.tables(p, g, toLook)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	pending, err := sqlstore.Pending(ctx, db, config)
	if err != nil {
		return err
	}
	names, err := names(config)
	if err != nil {
		return err
	}
	for _, name := range names {
		state := "applied"
		if slices.Contains(pending, name) {
			state = "pending"
		}
		out.add(migration{"migration", name, state})
	}
	if len(pending) > 0 {
		return negativef("%s pending: run sallyport migrate up", plural(len(pending), "migration"))
	}
	return nil
}

// Run runs the command.
func (c *migrateUp) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	how, state := toBegin, "applied"
	if c.DryRun {
		how, state = toLook, "pending"
	}
	db, config, err := c.tables(p, g, how)
	if c.DryRun && errors.Is(err, errNoFile) {
		return c.all(out, config)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	pending, err := sqlstore.Pending(ctx, db, config)
	if err != nil {
		return err
	}
	if !c.DryRun && len(pending) > 0 {
		if err := sqlstore.Migrate(ctx, db, config); err != nil {
			return err
		}
	}
	for _, name := range pending {
		out.add(migration{"migration", name, state})
	}
	if len(pending) == 0 {
		out.notef("nothing to do: the tables are those of this release")
	}
	return nil
}

// all lists the migrations of a database that is not there yet.
func (*migrateUp) all(out *output, config sqlstore.Config) error {
	names, err := names(config)
	for _, name := range names {
		out.add(migration{"migration", name, "pending"})
	}
	return err
}

// names returns the names of all migrations.
func names(config sqlstore.Config) ([]string, error) {
	files, err := sqlstore.Migrations(config)
	if err != nil {
		return nil, err
	}
	return fs.Glob(files, "*")
}
