package web

import (
	"cmp"
	"math"
	"slices"
)

// Sizes of the drawing, in its own units. The scripts know the card's size
// too.
const (
	cardWidth  = 216
	cardHeight = 52
	rowGap     = 16
	columnGap  = 20
	layerGap   = 110
	aspect     = 2.3 // width to height that the drawing aims at
	sweeps     = 8
)

// layer is a column of the drawing: nodes with no path between them.
type layer struct {
	X     int `json:"x"`
	Width int `json:"w"`
	Nodes int `json:"n"`
}

// drawing is a layered drawing in the making: after Sugiyama, Tagawa and Toda
// (1981), with layers, then orders by barycentres, then positions. What is many
// in one layer is put in several columns, so that the whole stays in a shape
// that fits a screen.
type drawing struct {
	nodes []*node
	// needs and users are neighbours on both sides.
	needs, users [][]int
	// layers are nodes in order; columns is how many each layer is wide.
	layers  [][]int
	columns []int
	y       []float64
}

// arrange places nodes, dependencies left of what is made with them. Nodes
// without edges come below the others.
func arrange(nodes []*node, edges []edge) []layer {
	d := &drawing{nodes: nodes, needs: make([][]int, len(nodes)), users: make([][]int, len(nodes)), y: make([]float64, len(nodes))}
	for _, e := range edges {
		d.needs[e.To] = append(d.needs[e.To], e.From)
		d.users[e.From] = append(d.users[e.From], e.To)
	}
	alone := d.fill(layersOf(nodes, edges))
	d.wrap()
	d.settle()
	layers, width, height := d.place()
	return placeAlone(nodes, alone, layers, width, height)
}

// fill puts nodes into layers, and returns those without edges.
func (d *drawing) fill(layers []int) (alone []int) {
	for i, l := range layers {
		if len(d.needs[i])+len(d.users[i]) == 0 {
			alone = append(alone, i)
			continue
		}
		for len(d.layers) <= l {
			d.layers = append(d.layers, nil)
		}
		d.layers[l] = append(d.layers[l], i)
	}
	return alone
}

// wrap decides how many columns each layer has: as many as bring the whole
// nearest to the shape wanted.
func (d *drawing) wrap() {
	best := math.Inf(1)
	highest := 1
	for _, l := range d.layers {
		highest = max(highest, len(l))
	}
	for rows := min(8, highest); rows <= highest; rows = rows*5/4 + 1 {
		columns, width := make([]int, len(d.layers)), 0
		for i, l := range d.layers {
			columns[i] = (len(l) + rows - 1) / rows
			width += columns[i]*(cardWidth+columnGap) + layerGap
		}
		off := math.Abs(math.Log(float64(width) / float64(rows*(cardHeight+rowGap)) / aspect))
		if off < best {
			best, d.columns = off, columns
		}
	}
	if d.columns == nil {
		d.columns = make([]int, len(d.layers))
	}
}

// settle orders the layers, sweeping to and fro: each node is drawn to the mean
// of its neighbours on the side that the sweep comes from, in the last sweep on
// both.
func (d *drawing) settle() {
	for l := range d.layers {
		d.spread(l, func(i int) float64 { return d.y[i] })
	}
	for sweep := range sweeps {
		for at := range d.layers {
			l, sides := at, [][][]int{d.needs}
			if sweep%2 == 1 {
				l, sides = len(d.layers)-1-at, [][][]int{d.users}
			}
			if sweep == sweeps-1 {
				sides = [][][]int{d.needs, d.users}
			}
			wanted := map[int]float64{}
			for _, i := range d.layers[l] {
				wanted[i] = d.mean(i, sides)
			}
			slices.SortStableFunc(d.layers[l], func(a, b int) int { return cmp.Compare(wanted[a], wanted[b]) })
			d.spread(l, func(i int) float64 { return wanted[i] })
		}
	}
}

// mean is where a node's neighbours are, or where it is itself if it has none.
func (d *drawing) mean(i int, sides [][][]int) float64 {
	sum, n := 0.0, 0
	for _, side := range sides {
		for _, neighbour := range side[i] {
			sum += d.y[neighbour]
			n++
		}
	}
	if n == 0 {
		return d.y[i]
	}
	return sum / float64(n)
}

// spread gives the rows of a layer, in their order, the positions nearest to
// those wanted at which none overlaps the next: an isotonic regression by
// pooling adjacent violators.
func (d *drawing) spread(l int, wanted func(int) float64) {
	type block struct{ sum, n float64 }
	var blocks []block
	var rowsIn []int
	columns := max(d.columns[l], 1)
	for row, nodes := range slices.Collect(slices.Chunk(d.layers[l], columns)) {
		target := 0.0
		for _, i := range nodes {
			target += wanted(i) / float64(len(nodes))
		}
		blocks, rowsIn = append(blocks, block{target - float64(row), 1}), append(rowsIn, 1)
		for last := len(blocks) - 1; last > 0 && blocks[last-1].sum/blocks[last-1].n >= blocks[last].sum/blocks[last].n; last-- {
			blocks[last-1] = block{blocks[last-1].sum + blocks[last].sum, blocks[last-1].n + blocks[last].n}
			rowsIn[last-1] += rowsIn[last]
			blocks, rowsIn = blocks[:last], rowsIn[:last]
		}
	}
	row := 0
	for b, rows := range rowsIn {
		for range rows {
			y := blocks[b].sum/blocks[b].n + float64(row)
			for _, i := range d.layers[l][row*columns : min((row+1)*columns, len(d.layers[l]))] {
				d.y[i] = y
			}
			row++
		}
	}
}

// place makes coordinates of layers and rows, from the origin on.
func (d *drawing) place() (layers []layer, width, height int) {
	top := math.Inf(1)
	for _, l := range d.layers {
		for _, i := range l {
			top = min(top, d.y[i])
		}
	}
	for l, nodes := range d.layers {
		columns := max(d.columns[l], 1)
		for at, i := range nodes {
			d.nodes[i].X = width + at%columns*(cardWidth+columnGap)
			d.nodes[i].Y = int(math.Round((d.y[i] - top) * (cardHeight + rowGap)))
			height = max(height, d.nodes[i].Y+cardHeight)
		}
		wide := columns*(cardWidth+columnGap) - columnGap
		layers = append(layers, layer{X: width, Width: wide, Nodes: len(nodes)})
		width += wide + layerGap
	}
	return layers, max(width-layerGap, 0), height
}

// placeAlone puts nodes without edges in rows below the drawing.
func placeAlone(nodes []*node, alone []int, layers []layer, width, height int) []layer {
	square := math.Sqrt(float64(len(alone)) * aspect * (cardHeight + rowGap) * (cardWidth + columnGap))
	columns := max(1, (max(width, int(square))+columnGap)/(cardWidth+columnGap))
	if height > 0 {
		height += 3 * rowGap
	}
	for at, i := range alone {
		nodes[i].X = at % columns * (cardWidth + columnGap)
		nodes[i].Y = height + at/columns*(cardHeight+rowGap)
	}
	return layers
}
