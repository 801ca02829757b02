package history

import (
	"database/sql"
	"time"
)

// Stats says what costs time.
type Stats struct {
	// Runs and Builds are how many there were since.
	Runs   int       `json:"runs"`
	Builds int       `json:"builds"`
	Since  time.Time `json:"since,omitzero"`
	// Slowest are nodes by how long their builds take, without those of which all
	// was cached; Rebuilt packages by how often they are built.
	Slowest  []NodeStats    `json:"slowest"`
	Flakiest []FlakyStats   `json:"flakiest"`
	Rebuilt  []PackageStats `json:"rebuilt"`
	// Causes are why packages were built, by how often.
	Causes []CauseStats `json:"causes"`
}

// NodeStats is how long the builds of a node took.
type NodeStats struct {
	Package  string `json:"package"`
	Platform string `json:"platform"`
	Builds   int    `json:"builds"`
	MeanMS   int64  `json:"mean_ms"`
	MaxMS    int64  `json:"max_ms"`
	TotalMS  int64  `json:"total_ms"`
}

// FlakyStats is a node whose builds failed and succeeded with the same inputs.
type FlakyStats struct {
	Package  string `json:"package"`
	Platform string `json:"platform"`
	// Attempts is how often its builds were tried, Retries how many of those
	// failed and were followed by a success, in the same run or another one.
	Attempts int `json:"attempts"`
	Retries  int `json:"retries"`
}

// PackageStats is how often a package was built.
type PackageStats struct {
	Package string `json:"package"`
	Builds  int    `json:"builds"`
	Runs    int    `json:"runs"`
	TotalMS int64  `json:"total_ms"`
}

// CauseStats is a reason, with the change if one was known.
type CauseStats struct {
	Reason   string `json:"reason"`
	Change   string `json:"change,omitempty"`
	Builds   int    `json:"builds"`
	Packages int    `json:"packages"`
	TotalMS  int64  `json:"total_ms"`
}

// scope narrows statistics down: ?1 is a workspace's root or "", ?2 a time.
const scope = ` FROM steps JOIN runs ON runs.number = steps.run WHERE (?1 = '' OR runs.root = ?1) AND runs.started >= ?2 AND kind = 'build'`

// Stats returns statistics of a workspace's runs since a time, with lists of at
// most limit; root "" is all workspaces.
func (h *History) Stats(root string, since time.Time, limit int) (*Stats, error) {
	s := &Stats{Since: since, Slowest: []NodeStats{}, Flakiest: []FlakyStats{}, Rebuilt: []PackageStats{}, Causes: []CauseStats{}}
	args := []any{root, int64(0), limit}
	if !since.IsZero() {
		args[1] = since.UnixMilli()
	}
	for _, q := range []struct {
		query string
		scan  func(*sql.Rows) error
	}{
		{`SELECT (SELECT count(*) FROM runs WHERE (?1 = '' OR root = ?1) AND started >= ?2), (SELECT count(*)` + scope + ` AND status = 'built' AND ?3 > 0)`,
			func(r *sql.Rows) error { return r.Scan(&s.Runs, &s.Builds) }},
		{`SELECT package, platform, count(*), CAST(avg(build) AS INTEGER), max(build), sum(build)` + scope +
			` AND build IS NOT NULL AND cached = 0 GROUP BY package, platform ORDER BY avg(build) DESC, package, platform LIMIT ?3`,
			func(r *sql.Rows) error {
				var n NodeStats
				err := r.Scan(&n.Package, &n.Platform, &n.Builds, &n.MeanMS, &n.MaxMS, &n.TotalMS)
				s.Slowest = append(s.Slowest, n)
				return err
			}},
		{`SELECT package, platform, sum(tried), sum(lost) FROM (
				SELECT package, platform, hash, sum(attempts) AS tried, sum(attempts) - sum(status = 'built') AS lost` + scope +
			` AND status IN ('built', 'failed') GROUP BY package, platform, hash HAVING sum(status = 'built') > 0)
			GROUP BY package, platform HAVING sum(lost) > 0 ORDER BY 1.0 * sum(lost) / sum(tried) DESC, sum(lost) DESC, package, platform LIMIT ?3`,
			func(r *sql.Rows) error {
				var n FlakyStats
				err := r.Scan(&n.Package, &n.Platform, &n.Attempts, &n.Retries)
				s.Flakiest = append(s.Flakiest, n)
				return err
			}},
		{`SELECT package, count(*), count(DISTINCT run), coalesce(sum(build), 0)` + scope +
			` AND status = 'built' GROUP BY package ORDER BY count(*) DESC, package LIMIT ?3`,
			func(r *sql.Rows) error {
				var n PackageStats
				err := r.Scan(&n.Package, &n.Builds, &n.Runs, &n.TotalMS)
				s.Rebuilt = append(s.Rebuilt, n)
				return err
			}},
		{`SELECT reason, coalesce(change.value, '') AS what, count(*), count(DISTINCT package), coalesce(sum(build), 0)
			FROM steps JOIN runs ON runs.number = steps.run LEFT JOIN json_each(steps.changes) AS change
			WHERE (?1 = '' OR runs.root = ?1) AND runs.started >= ?2 AND kind = 'build' AND status = 'built'
			GROUP BY reason, what ORDER BY count(*) DESC, reason, what LIMIT ?3`,
			func(r *sql.Rows) error {
				var n CauseStats
				err := r.Scan(&n.Reason, &n.Change, &n.Builds, &n.Packages, &n.TotalMS)
				s.Causes = append(s.Causes, n)
				return err
			}},
	} {
		if err := h.each(q.query, args, q.scan); err != nil {
			return nil, err
		}
	}
	return s, nil
}
