package buildkit

// EndSession ends the session that solves share.
func (c *Client) EndSession() { c.shared.close() }
