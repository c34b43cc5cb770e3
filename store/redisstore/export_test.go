package redisstore

// ACL returns the rules of an ACL for keys that begin with a prefix.
func ACL(prefix string, cluster bool) string { return commands.ACL(prefix, cluster) }
