package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// cluster is nodes and the proxy in front of them.
type cluster struct {
	base    string
	secrets secrets
	proxy   *proxy
	nodes   []*process
	fallen  []*process
}

func startCluster(ctx context.Context, o options, p *place) (*cluster, error) {
	c := &cluster{secrets: p.secrets}
	var addresses []string
	for range o.nodes {
		node, err := startProcess(ctx, c.secrets)
		if err != nil {
			c.stop()
			return nil, err
		}
		c.nodes = append(c.nodes, node)
		addresses = append(addresses, node.addr)
	}
	var err error
	if c.proxy, c.base, err = startProxy(ctx, addresses); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

var errEarly = errors.New("the load ended too early")

// accident kills the first node when a quarter of the load is done, and starts
// another in its place when half of it is.
func (c *cluster) accident(ctx context.Context, l *load, targets string, stdout io.Writer) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return errEarly
	case <-l.quarter:
	}
	c.nodes[0].kill()
	c.fallen = append(c.fallen, c.nodes[0])
	fmt.Fprintln(stdout, "killed a node after a quarter of the calls")
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return errEarly
	case <-l.half:
	}
	node, err := startProcess(ctx, c.secrets)
	if err != nil {
		return err
	}
	c.nodes[0] = node
	c.proxy.replace(0, node.addr)
	if err := c.writeTargets(targets); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "started it again after half of them")
	return nil
}

// events counts what happened on all nodes, those that were killed too.
func (c *cluster) events() map[string]int {
	all := map[string]int{}
	for _, node := range append(c.fallen, c.nodes...) {
		node.count(all)
	}
	return all
}

func (c *cluster) stop() {
	if c.proxy != nil {
		c.proxy.stop()
	}
	for _, node := range c.nodes {
		if err := node.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
		}
	}
}
