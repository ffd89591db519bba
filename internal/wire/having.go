package wire

// QuestionHaving is asked by a gateway of another: {} → Having.
const QuestionHaving = "having"

// Having says which configuration the connectors that speak with a service said last that they have.
type Having struct {
	Hashes map[string]string `json:"hashes"` // by connector
}
