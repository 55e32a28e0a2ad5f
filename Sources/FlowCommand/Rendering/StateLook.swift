import FlowModel

/// How states look: one place, so that tables, trees and graphs agree.
struct StateLook {
    var symbol: String
    var ascii: String
    var colour: Style.Colour
    /// Fill colour in graphs.
    var fill: String

    init(_ state: StepState) {
        switch state {
        case .pending: self.init("·", ".", .dim, "#eeeeee")
        case .ready: self.init("○", "o", .dim, "#eeeeee")
        case .running: self.init("●", "*", .cyan, "#cfe8ff")
        case .waiting: self.init("◔", "~", .yellow, "#fff3bf")
        case .backingOff: self.init("↻", "@", .yellow, "#fff3bf")
        case .held: self.init("‖", "!", .yellow, "#ffe0a3")
        case .succeeded: self.init("✓", "+", .green, "#d3f2d3")
        case .failed: self.init("✗", "x", .red, "#ffd0d0")
        case .skipped: self.init("–", "-", .dim, "#f5f5f5")
        case .cancelled: self.init("⊘", "/", .yellow, "#e5dcd0")
        case .unknown: self.init("?", "?", .red, "#e8d0ff")
        }
    }

    init(_ undo: UndoState) {
        switch undo {
        case .running: self.init("●", "*", .cyan, "#cfe8ff")
        case .undone: self.init("↺", "u", .yellow, "#e5dcd0")
        case .failed, .cancelled: self.init("✗", "x", .red, "#ffd0d0")
        }
    }

    private init(_ symbol: String, _ ascii: String, _ colour: Style.Colour, _ fill: String) {
        self.symbol = symbol
        self.ascii = ascii
        self.colour = colour
        self.fill = fill
    }

    func mark(_ style: Style) -> String { style.paint(style.isUnicode ? symbol : ascii, colour) }
}

extension RunState {
    var colour: Style.Colour {
        switch self {
        case .queued: .dim
        case .running, .undoing: .cyan
        case .paused, .waiting, .cancelling, .cancelled: .yellow
        case .succeeded: .green
        case .failed: .red
        }
    }
}
