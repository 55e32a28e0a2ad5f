import CLibXML2
import FlowXML
import Glibc

/// The XPath of libxml2, which the evaluation here is compared with.
enum Oracle {
    /// What it gives; nil: it takes document or expression for a fault, or gives up.
    static func value(of expression: String, in text: String, _ namespaces: [String: String]) -> XMLValue? {
        value(of: expression, in: Array(text.utf8), namespaces)
    }

    static func value(of expression: String, in bytes: [UInt8], _ namespaces: [String: String] = [:]) -> XMLValue? {
        // NOCDATA: XPath knows only text.
        let options = Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOCDATA.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue)
        guard let document = bytes.withUnsafeBytes({ xmlReadMemory($0.baseAddress, Int32($0.count), nil, nil, options) }) else { return nil }
        defer { xmlFreeDoc(document) }
        guard let context = context(document, namespaces) else { return nil }
        defer { xmlXPathFreeContext(context) }
        guard let object = xmlXPathEvalExpression(expression, context) else { return nil }
        defer { xmlXPathFreeObject(object) }
        return value(of: object)
    }

    static func isExpression(_ expression: String, _ namespaces: [String: String]) -> Bool {
        guard let context = context(nil, namespaces) else { return false }
        defer { xmlXPathFreeContext(context) }
        context.pointee.flags = 3  // XML_XPATH_CHECKNS, XML_XPATH_NOVAR
        guard let compiled = xmlXPathCtxtCompile(context, expression) else { return false }
        xmlXPathFreeCompExpr(compiled)
        return true
    }

    private static func context(_ document: xmlDocPtr?, _ namespaces: [String: String]) -> xmlXPathContextPtr? {
        guard let context = xmlXPathNewContext(document) else { return nil }
        context.pointee.error = { _, _ in }
        context.pointee.opLimit = 1_000_000
        context.pointee.node = UnsafeMutableRawPointer(document)?.assumingMemoryBound(to: xmlNode.self)
        (context.pointee.contextSize, context.pointee.proximityPosition) = (1, 1)
        for (prefix, name) in namespaces { xmlXPathRegisterNs(context, prefix, name) }
        return context
    }

    private static func value(of object: xmlXPathObjectPtr) -> XMLValue? {
        switch object.pointee.type {
        case XPATH_BOOLEAN: return .boolean(object.pointee.boolval != 0)
        case XPATH_NUMBER: return .number(object.pointee.floatval)
        case XPATH_STRING: return .string(object.pointee.stringval.map { String(cString: $0) } ?? "")
        case XPATH_NODESET:
            guard let set = object.pointee.nodesetval else { return .strings([]) }
            xmlXPathNodeSetSort(set)
            return .strings(
                (0..<Int(set.pointee.nodeNr)).map { index in
                    guard let text = xmlXPathCastNodeToString(set.pointee.nodeTab[index]) else { return "" }
                    defer { free(text) }
                    return String(cString: text)
                })
        default: return nil
        }
    }
}
