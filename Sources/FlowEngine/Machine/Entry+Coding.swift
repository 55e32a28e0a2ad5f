package import FlowModel

extension Entry {
    /// The first byte of a record's bytes: the version of the form. Forms are only added to.
    static let form: UInt8 = 1

    /// The binary form of the entries of one record. `spill` takes the canonical JSON of a value that is too large for the
    /// journal and gives the digest of the blob that will hold it.
    package static func encode(_ entries: [Entry], spill: ([UInt8]) -> Digest) -> [UInt8] {
        var writer = BinaryWriter()
        for entry in entries { entry.write(to: &writer, spill: spill) }
        return [form] + writer.bytes
    }

    /// The entries of a record's bytes. `fetch` gives the bytes of a blob.
    package static func decode(
        _ bytes: [UInt8], fetch: (Digest) throws(StoreError) -> [UInt8]?
    ) throws(StoreError) -> [Entry] {
        do {
            var reader = BinaryReader(Array(bytes.dropFirst()))
            guard bytes.first == form else {
                throw BinaryReader.Malformed(message: "its form \(bytes.first ?? 0) is not known")
            }
            var entries: [Entry] = []
            while !reader.isAtEnd { entries.append(try Entry(from: &reader, fetch: fetch)) }
            return entries
        } catch let error as StoreError {
            throw error
        } catch {
            throw .corrupt("a journal record cannot be read: \((error as? BinaryReader.Malformed)?.message ?? "\(error)")")
        }
    }
}
