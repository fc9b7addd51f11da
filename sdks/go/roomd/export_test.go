package roomd

// Target is the address that a client dials.
func Target(c *Client) string { return c.conn.Target() }

// Waiting is how many sends of a connection have no result.
func Waiting(c *Connection) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sends)
}
