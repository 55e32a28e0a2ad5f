#pragma once
/* Types that libxml2's headers pull in stay Glibc's, as in CLibCurl. */
#pragma clang module import SwiftGlibc
/* Its converters are not called here, and ICU's types clash with those of the copy in Foundation. They are only in what libxml2 makes. */
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/catalog.h>
#include <libxml/parser.h>
/* The tests compare with it; why it is not used is in docs/internals/decisions/0020-libxml2.md. */
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <string.h>

/* What is told of a document, in its order. */
struct flow_xml_handlers {
    startElementNsSAX2Func start;
    endElementNsSAX2Func end;
    charactersSAXFunc text;
    commentSAXFunc comment;
    processingInstructionSAXFunc instruction;
    xmlStructuredErrorFunc fault;
};

/* Once for the process, before anything else. A document may not name catalogs, that is, files to read. */
static inline void flow_xml_begin(void) {
    xmlInitParser();
    xmlCatalogSetDefaults(XML_CATA_ALLOW_NONE);
}

/* Reads a document in UTF-8, whatever it says of itself, and calls the handlers with `user`. 1: it is well-formed, 0: it is not,
   -1: no memory. Makes no tree, and with no handler for entities nor an external subset it opens nothing. */
static inline int flow_xml_read(const char *bytes, int count, const struct flow_xml_handlers *handlers, void *user) {
    xmlParserCtxtPtr context = xmlNewParserCtxt();
    if (context == NULL) return -1;
    memset(context->sax, 0, sizeof *context->sax);
    context->sax->initialized = XML_SAX2_MAGIC;
    context->sax->startElementNs = handlers->start;
    context->sax->endElementNs = handlers->end;
    context->sax->characters = handlers->text;
    /* The same as for other text: else libxml2 guesses which spaces do not count. */
    context->sax->ignorableWhitespace = handlers->text;
    context->sax->comment = handlers->comment;
    context->sax->processingInstruction = handlers->instruction;
    context->sax->serror = handlers->fault;
    context->userData = user;
    /* NOENT: without it an ampersand in an attribute comes as `&#38;`. There are no entities but the five of XML itself. */
    int options = XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC;
    xmlDocPtr document = xmlCtxtReadMemory(context, bytes, count, NULL, NULL, options);
    int result = context->errNo == XML_ERR_NO_MEMORY ? -1 : context->wellFormed != 0;
    if (document != NULL) xmlFreeDoc(document);
    xmlFreeParserCtxt(context);
    return result;
}

/* glibc's, which its headers show to GNU sources only. */
extern void *memmem(const void *, size_t, const void *, size_t);

/* Where the bytes of `part` stand first in `whole`; NULL: nowhere. */
static inline const void *flow_xml_find(const void *whole, size_t count, const void *part, size_t part_count) {
    return memmem(whole, count, part, part_count);
}
