package roomd

// Target is the address that a client dials.
func Target(c *Client) string { return c.conn.Target() }
