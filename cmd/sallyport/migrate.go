package main

import (
	"context"
	"errors"
	"slices"
)

type migrateCommands struct {
	Status migrateStatus `cmd:"" help:"List the migrations, and which have not run."`
	Up     migrateUp     `cmd:"" help:"Run the migrations that have not run."`
}

// migrateHelp is what the commands have in common.
const migrateHelp = `
The tables are those of the store and, if counters are named ($SALLYPORT_COUNTERS, --counters or
the configuration) and are in SQL, those of the counters. What is on Redis has no tables.
`

type migrateStatus struct {
	storeFlags
	counterFlags
}

// Help is the rest of --help.
func (migrateStatus) Help() string {
	return `Nothing is changed. The exit code is 3 if a migration has not run.
` + migrateHelp + `
    sallyport migrate status --store postgres://shop@db.internal/shop
    sallyport migrate status --json

JSON: {"type":"migration","of":"store","name":"00001_sessions.sql","state":"applied"}, of store
or counters, with the state applied or pending, one object for each migration.`
}

type migrateUp struct {
	storeFlags
	counterFlags

	DryRun bool `help:"List what would run, and run nothing."`
}

// Help is the rest of --help.
func (migrateUp) Help() string {
	return `Creates the tables, or updates them to this release; if there is nothing to do, nothing is
changed. The role must be allowed to create tables, and functions or procedures for counters.
Several may run it at once: one does the work. A file of SQLite that is not there is made, with
mode 0600. If a migration fails, what ran before it stays; run the same command again.
` + migrateHelp + `
    sallyport migrate up --dry-run --store sqlite:auth.db
    sallyport migrate up --store sqlite:auth.db
    sallyport migrate up --store sqlite:auth.db --counters sqlite:auth.db

JSON: as migrate status, for the migrations that ran (or, with --dry-run, would run).`
}

// migration is one file of the migrations.
type migration struct {
	Type  string `json:"type"`
	Of    string `json:"of"`
	Name  string `json:"name"`
	State string `json:"state"`
}

func (migration) head() []string    { return []string{"TABLES OF", "MIGRATION", "STATE"} }
func (m migration) cells() []string { return []string{m.Of, m.Name, m.State} }

// Run runs the command.
func (c *migrateStatus) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	all, err := openTables(p, g, c.storeFlags, c.counterFlags, toLook)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	missing := 0
	for _, t := range all {
		pending, err := t.pending(ctx)
		if err != nil {
			return err
		}
		names, err := t.names()
		if err != nil {
			return err
		}
		for _, name := range names {
			state := "applied"
			if slices.Contains(pending, name) {
				state = "pending"
			}
			out.add(migration{"migration", t.of, name, state})
		}
		missing += len(pending)
	}
	if missing > 0 {
		return negativef("%s pending: run sallyport migrate up", plural(missing, "migration"))
	}
	return nil
}

// Run runs the command.
func (c *migrateUp) Run(ctx context.Context, p *process, out *output, g *globals) (err error) {
	how, state := toBegin, "applied"
	if c.DryRun {
		how, state = toDryRun, "pending"
	}
	all, err := openTables(p, g, c.storeFlags, c.counterFlags, how)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	ran := 0
	for _, t := range all {
		pending, err := t.pending(ctx)
		if err != nil {
			return err
		}
		if !c.DryRun && len(pending) > 0 {
			if err := t.migrate(ctx); err != nil {
				return err
			}
		}
		for _, name := range pending {
			out.add(migration{"migration", t.of, name, state})
		}
		ran += len(pending)
	}
	if ran == 0 {
		out.notef("nothing to do: the tables are those of this release")
	}
	return nil
}
