// FlowInventory: which hosts there are, what groups and labels they have, and which of them a selector means.
//
// - `Inventory` is a value, read strictly from a YAML file (`InventoryReader`): all faults at once, each at `file:line`.
// - `Selector*`: the language of `docs/reference/selectors.md`, parsed with positions, resolved in inventory order.
// - `InventoryEditor` and `KnownHosts`: how hosts and their keys come into the file.
//
// What it must not know: runs, connections, who may touch a host. It imports FlowModel and FlowCrypto, and nothing else of ours.
