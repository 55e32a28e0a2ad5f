package import FlowEngine
internal import Foundation
internal import GRDB

extension StoreError {
    /// The sentence inside.
    package var reason: String {
        switch self {
        case .refused(let why), .corrupt(let why), .fatal(let why): why
        }
    }
}

extension [UInt8] {
    /// The bytes of a blob; nil for any other value.
    static func fromBlob(_ value: DatabaseValue) -> [UInt8]? {
        if case .blob(let data) = value.storage { [UInt8](data) } else { nil }
    }

    var data: Data { Data(self) }
}
