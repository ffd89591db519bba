// Written by scripts/generate.sh from docs/openapi.yaml; do not edit.
export interface paths {
    "/api/v1/access-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the access keys that users made for their programs
         * @description For the roles owner, policy-administrator, reader.
         */
        get: operations["listAccessKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/access-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an access key without its secret
         * @description For the roles owner, policy-administrator, reader.
         */
        get: operations["showAccessKey"];
        put?: never;
        post?: never;
        /**
         * End an access key; what it has open is cut
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["deleteAccessKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what is or was wrong, newest first; exports carry the same to whoever is to know
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List applications
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listApplications"];
        put?: never;
        /**
         * Publish an application
         * @description For the roles owner, application-administrator.
         */
        post: operations["createApplication"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell whose destinations would become whose, and who would lose access, before a private application is made, changed or removed
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        post: operations["previewSegments"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have connectors try an internal URL before an application with it is published
         * @description For the roles owner, application-administrator.
         */
        post: operations["testApplication"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an application
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showApplication"];
        put?: never;
        post?: never;
        /**
         * Delete an application
         * @description For the roles owner, application-administrator.
         */
        delete: operations["deleteApplication"];
        options?: never;
        head?: never;
        /**
         * Change an application
         * @description For the roles owner, application-administrator.
         */
        patch: operations["updateApplication"];
        trace?: never;
    };
    "/api/v1/applications/{id}/connectors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ask the connectors of an application whether they reach it
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listApplicationConnectors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of an application
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listApplicationHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted application back; its assignments went with it
         * @description For the roles owner, application-administrator.
         */
        post: operations["restoreApplication"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/{id}/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what was counted of an application over time
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showApplicationSeries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an application the fields of an earlier version
         * @description For the roles owner, application-administrator.
         */
        post: operations["undoApplication"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make the configuration what a document says, all of it or nothing; each change needs its own role, too
         * @description For the roles owner, application-administrator, policy-administrator.
         */
        post: operations["applyConfiguration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List assignments
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listAssignments"];
        put?: never;
        /**
         * Let a user or a group use an application
         * @description For the roles owner, application-administrator, policy-administrator.
         */
        post: operations["createAssignment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an assignment
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showAssignment"];
        put?: never;
        post?: never;
        /**
         * Delete an assignment
         * @description For the roles owner, application-administrator, policy-administrator.
         */
        delete: operations["deleteAssignment"];
        options?: never;
        head?: never;
        /**
         * Change when an assignment ends
         * @description For the roles owner, application-administrator, policy-administrator.
         */
        patch: operations["updateAssignment"];
        trace?: never;
    };
    "/api/v1/assignments/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of an assignment
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listAssignmentHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted assignment back
         * @description For the roles owner, application-administrator, policy-administrator.
         */
        post: operations["restoreAssignment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/assignments/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let an assignment end when an earlier version did
         * @description For the roles owner, application-administrator, policy-administrator.
         */
        post: operations["undoAssignment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was changed or refused, newest first
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/chain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say where the audit log's chain begins and ends
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["showAuditChain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List audit entries as they are chained, the oldest first
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["listAuditRecords"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Verify that no audit entry was changed, added, removed or reordered
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["verifyAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/authority": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the service's own certificate authority and its signing keys
         * @description For the roles owner, application-administrator, reader.
         */
        get: operations["showAuthority"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/authority/exchange": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin to exchange the root: a new one beside the one in force
         * @description For the roles owner.
         */
        post: operations["exchangeRoot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/authority/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retire the root before, once nobody needs it any more
         * @description For the roles owner.
         */
        post: operations["finishExchange"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/authority/issuing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a new issuing certificate under the same root
         * @description For the roles owner.
         */
        post: operations["rotateIssuing"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give everything that the database holds, for postern db restore; the master key is not in it
         * @description For the roles owner.
         */
        post: operations["takeBackup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/branding": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show how the pages look that people see
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showBranding"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how the pages look that people see
         * @description For the roles owner.
         */
        patch: operations["updateBranding"];
        trace?: never;
    };
    "/api/v1/branding/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of the branding
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listBrandingHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/branding/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give the pages the look of an earlier version
         * @description For the roles owner.
         */
        post: operations["undoBranding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List certificates of public domains
         * @description For the roles owner, application-administrator, reader.
         */
        get: operations["listCertificates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates/{domain}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the certificate of a domain
         * @description For the roles owner, application-administrator, reader.
         */
        get: operations["showCertificate"];
        /**
         * Add or replace the certificate of a domain
         * @description For the roles owner, application-administrator.
         */
        put: operations["putCertificate"];
        post?: never;
        /**
         * Delete the certificate of a domain
         * @description For the roles owner, application-administrator.
         */
        delete: operations["deleteCertificate"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/clients": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what holds for all clients: whether they are off, and what users may not do with them
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showClients"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Turn all clients off or on, and say what users may not do with them
         * @description For the roles owner, policy-administrator.
         */
        patch: operations["updateClients"];
        trace?: never;
    };
    "/api/v1/clients/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what holds for all clients
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listClientsHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/clients/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have hold for all clients what an earlier version said
         * @description For the roles owner, policy-administrator.
         */
        post: operations["undoClients"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connector-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List connector groups
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listConnectorGroups"];
        put?: never;
        /**
         * Make a connector group
         * @description For the roles owner, application-administrator.
         */
        post: operations["createConnectorGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connector-groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a connector group
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showConnectorGroup"];
        put?: never;
        post?: never;
        /**
         * Delete a connector group without connectors; its applications fall to the default group
         * @description For the roles owner, application-administrator.
         */
        delete: operations["deleteConnectorGroup"];
        options?: never;
        head?: never;
        /**
         * Change a connector group
         * @description For the roles owner, application-administrator.
         */
        patch: operations["updateConnectorGroup"];
        trace?: never;
    };
    "/api/v1/connector-groups/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of a connector group
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listConnectorGroupHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connector-groups/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted connector group back
         * @description For the roles owner, application-administrator.
         */
        post: operations["restoreConnectorGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connector-groups/{id}/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what was measured over time of all connectors that are in a group now
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showConnectorGroupSeries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connector-groups/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a connector group the fields of an earlier version
         * @description For the roles owner, application-administrator.
         */
        post: operations["undoConnectorGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List connectors with their status
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listConnectors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a connector with its status
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showConnector"];
        put?: never;
        post?: never;
        /**
         * Delete a connector and revoke its certificate
         * @description For the roles owner, application-administrator.
         */
        delete: operations["deleteConnector"];
        options?: never;
        head?: never;
        /**
         * Rename, move, order, drain, disable or enable a connector
         * @description For the roles owner, application-administrator.
         */
        patch: operations["updateConnector"];
        trace?: never;
    };
    "/api/v1/connectors/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a connector that waits for approval into its group
         * @description For the roles owner, application-administrator.
         */
        post: operations["approveConnector"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}/diagnosis": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what a connector found when it last examined itself of its own accord
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showConnectorDiagnosis"];
        put?: never;
        /**
         * Have a connector find out what is wrong with it, its machine and its network
         * @description For the roles owner, application-administrator, reader.
         */
        post: operations["diagnoseConnector"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of a connector
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listConnectorHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a part of a connector's log; the session log needs a role that may read traffic
         * @description For the roles owner, application-administrator, reader, log-reader.
         */
        get: operations["showConnectorLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete a connector that waits for approval
         * @description For the roles owner, application-administrator.
         */
        post: operations["rejectConnector"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what was measured of a connector over time
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showConnectorSeries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/connectors/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a connector the name, group and state of an earlier version
         * @description For the roles owner, application-administrator.
         */
        post: operations["undoConnector"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the devices that users enrolled
         * @description For the roles owner, policy-administrator, reader.
         */
        get: operations["listDevices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a device
         * @description For the roles owner, policy-administrator, reader.
         */
        get: operations["showDevice"];
        put?: never;
        post?: never;
        /**
         * Revoke and forget a device: its key may be enrolled again
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["deleteDevice"];
        options?: never;
        head?: never;
        /**
         * Rename a device
         * @description For the roles owner, policy-administrator.
         */
        patch: operations["updateDevice"];
        trace?: never;
    };
    "/api/v1/devices/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke a device for good: what is open by it is cut, and its key is refused
         * @description For the roles owner, policy-administrator.
         */
        post: operations["revokeDevice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/discovery": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the destinations that Quick Access carried in the last 30 days
         * @description For the roles owner, log-reader.
         */
        get: operations["listDiscovery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say whether a user may use an application, and what is in the way
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["explainAccess"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Give the whole configuration, without secrets
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["exportConfiguration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List where logs are sent, and how far that is
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["listExports"];
        put?: never;
        /**
         * Send logs to a syslog server, a webhook or a collector, or alerts by mail
         * @description For the roles owner.
         */
        post: operations["createExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an export without its secret
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["showExport"];
        put?: never;
        post?: never;
        /**
         * Delete an export
         * @description For the roles owner.
         */
        delete: operations["deleteExport"];
        options?: never;
        head?: never;
        /**
         * Change, disable or enable an export
         * @description For the roles owner.
         */
        patch: operations["updateExport"];
        trace?: never;
    };
    "/api/v1/exports/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of an export
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["listExportHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted export back, without its secret; it goes on with what comes from now on
         * @description For the roles owner.
         */
        post: operations["restoreExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an export another secret
         * @description For the roles owner.
         */
        post: operations["setExportSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send one event that tells of nothing
         * @description For the roles owner.
         */
        post: operations["testExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an export the fields of an earlier version; its secret stays
         * @description For the roles owner.
         */
        post: operations["undoExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/gateways": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the gateways that run and whether they reach each other
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listGateways"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List groups of users
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listGroups"];
        put?: never;
        /**
         * Make a group of users
         * @description For the roles owner, policy-administrator.
         */
        post: operations["createGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a group with its members
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showGroup"];
        put?: never;
        post?: never;
        /**
         * Delete a group
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["deleteGroup"];
        options?: never;
        head?: never;
        /**
         * Change a group or its members
         * @description For the roles owner, policy-administrator.
         */
        patch: operations["updateGroup"];
        trace?: never;
    };
    "/api/v1/groups/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of a group
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listGroupHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted group back, with those of its members that there still are
         * @description For the roles owner, policy-administrator.
         */
        post: operations["restoreGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a group the fields and members of an earlier version
         * @description For the roles owner, policy-administrator.
         */
        post: operations["undoGroup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say how the service is
         * @description For every API key.
         */
        get: operations["showHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List API keys
         * @description For the roles owner, reader.
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * Make an API key; its secret is shown once
         * @description For the roles owner.
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an API key without its secret
         * @description For the roles owner, reader.
         */
        get: operations["showKey"];
        put?: never;
        post?: never;
        /**
         * Delete an API key
         * @description For the roles owner.
         */
        delete: operations["deleteKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say who is asking
         * @description For every API key.
         */
        get: operations["showMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say what applying a configuration would change
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        post: operations["planConfiguration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List policies
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listPolicies"];
        put?: never;
        /**
         * Make a policy
         * @description For the roles owner, policy-administrator.
         */
        post: operations["createPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policies/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a policy
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showPolicy"];
        put?: never;
        post?: never;
        /**
         * Delete a policy
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["deletePolicy"];
        options?: never;
        head?: never;
        /**
         * Change a policy
         * @description For the roles owner, policy-administrator.
         */
        patch: operations["updatePolicy"];
        trace?: never;
    };
    "/api/v1/policies/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of a policy
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listPolicyHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policies/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted policy back, for those whom it named that there still are
         * @description For the roles owner, policy-administrator.
         */
        post: operations["restorePolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/policies/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a policy the fields of an earlier version
         * @description For the roles owner, policy-administrator.
         */
        post: operations["undoPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List access requests, the oldest first
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listRequests"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/requests/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an access request
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showRequest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/requests/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve an access request: an assignment that ends
         * @description For the roles owner, policy-administrator.
         */
        post: operations["approveRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/requests/{id}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deny an access request
         * @description For the roles owner, policy-administrator.
         */
        post: operations["denyRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show how long logs are kept
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showRetention"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how long logs are kept
         * @description For the roles owner.
         */
        patch: operations["updateRetention"];
        trace?: never;
    };
    "/api/v1/retention/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed how long logs are kept
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listRetentionHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/retention/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep logs as long as an earlier version said
         * @description For the roles owner.
         */
        post: operations["undoRetention"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Say which gateways and connectors run a change of the configuration already
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showRollout"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what was counted of the whole service over time
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showSeries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the flags of the service that answers
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Claim a new service with the code of its set-up link
         * @description For anyone; needs no API key.
         */
        post: operations["setUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sign-ins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List sign-ins, hand-overs and denials, newest first
         * @description For the roles owner, reader, log-reader.
         */
        get: operations["listSignIns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/signing-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make the next key that signs grants or cookies; nobody is signed out
         * @description For the roles owner.
         */
        post: operations["rotateSigningKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count connectors, groups, applications, assignments and gateways
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List enrolment tokens
         * @description For the roles owner, application-administrator, reader.
         */
        get: operations["listTokens"];
        put?: never;
        /**
         * Make an enrolment token; its text is shown once
         * @description For the roles owner, application-administrator.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an enrolment token without its text
         * @description For the roles owner, application-administrator, reader.
         */
        get: operations["showToken"];
        put?: never;
        post?: never;
        /**
         * Delete an enrolment token
         * @description For the roles owner, application-administrator.
         */
        delete: operations["deleteToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traffic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List requests to applications, of all gateways, newest first
         * @description For the roles owner, log-reader.
         */
        get: operations["listTraffic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List upstreams
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listUpstreams"];
        put?: never;
        /**
         * Make an upstream
         * @description For the roles owner, policy-administrator.
         */
        post: operations["createUpstream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/try": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check an upstream that is not stored as it is here, and say what would become of somebody; changes nothing
         * @description For the roles owner, policy-administrator.
         */
        post: operations["tryUpstream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show an upstream without its secret
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showUpstream"];
        put?: never;
        post?: never;
        /**
         * Delete an upstream that has no users
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["deleteUpstream"];
        options?: never;
        head?: never;
        /**
         * Change, disable or enable an upstream
         * @description For the roles owner, policy-administrator.
         */
        patch: operations["updateUpstream"];
        trace?: never;
    };
    "/api/v1/upstreams/{id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask an upstream whether it can be used
         * @description For the roles owner, policy-administrator.
         */
        post: operations["checkUpstream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of an upstream
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listUpstreamHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted upstream back, without its secret
         * @description For the roles owner, policy-administrator.
         */
        post: operations["restoreUpstream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/{id}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an upstream another secret
         * @description For the roles owner, policy-administrator.
         */
        post: operations["setUpstreamSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say what would become of somebody, without changing anything
         * @description For the roles owner, policy-administrator.
         */
        post: operations["testUpstream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/upstreams/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an upstream the fields of an earlier version; its secret stays
         * @description For the roles owner, policy-administrator.
         */
        post: operations["undoUpstream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List users
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listUsers"];
        put?: never;
        /**
         * Make a local user
         * @description For the roles owner, policy-administrator.
         */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a user
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["showUser"];
        put?: never;
        post?: never;
        /**
         * Delete a user
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        /**
         * Change, disable or enable a user
         * @description For the roles owner, policy-administrator.
         */
        patch: operations["updateUser"];
        trace?: never;
    };
    "/api/v1/users/{id}/applications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the applications that are assigned to a user, and whether they may open each at this moment
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listUserApplications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/erase": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Erase what tells of a user from the logs; one who is still there is deleted
         * @description For the roles owner.
         */
        post: operations["eraseUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/factors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the second factors of a user
         * @description For the roles owner, policy-administrator, reader.
         */
        get: operations["showUserFactors"];
        put?: never;
        post?: never;
        /**
         * Remove a user's second factors and recovery codes
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["resetUserFactors"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who changed what of a user
         * @description For the roles owner, application-administrator, policy-administrator, reader.
         */
        get: operations["listUserHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a one-time link with which a user sets a password; it is shown once
         * @description For the roles owner, policy-administrator.
         */
        post: operations["createUserLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a user a new password
         * @description For the roles owner, policy-administrator.
         */
        post: operations["setPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a deleted user back, without password and factors
         * @description For the roles owner, policy-administrator.
         */
        post: operations["restoreUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List where a user is signed in
         * @description For the roles owner, policy-administrator, reader.
         */
        get: operations["listUserSessions"];
        put?: never;
        post?: never;
        /**
         * Sign a user out everywhere, or of one session
         * @description For the roles owner, policy-administrator.
         */
        delete: operations["revokeUserSessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a user the fields of an earlier version
         * @description For the roles owner, policy-administrator.
         */
        post: operations["undoUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AccessKey: {
            /** @description What it opens. */
            application: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description When it is good no more.
             */
            expires: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last used; absent for never.
             */
            lastUsed?: string;
            /** @description How its user had signed in when it was made. */
            methods: string[] | null;
            /** @description What its user calls it. */
            name: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /** @description Whose it is. */
            user: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        AccessKeyList: {
            /** @description The objects of this page. */
            items: components["schemas"]["AccessKey"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        AccessRequest: {
            /** @description What they said. */
            answer?: string;
            /**
             * Format: date-time
             * @description When it was approved, denied or withdrawn.
             */
            answered?: string;
            /** @description The application that is asked for. */
            application: string;
            /** @description The assignment that was granted. */
            assignment?: string;
            /** @description Who did that. */
            by?: components["schemas"]["RequestAnswer"];
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description When what was granted ends.
             */
            expires?: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * @description For how long.
             * @example 168h
             */
            period: string;
            /** @description What for, in the user's own words. */
            reason: string;
            /**
             * @description What became of it.
             * @enum {string}
             */
            state: "pending" | "approved" | "denied" | "withdrawn";
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /** @description Who asks. */
            user: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        AccessRequestList: {
            /** @description The objects of this page. */
            items: components["schemas"]["AccessRequest"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Alert: {
            /** @description What kind of alert, a stable word; docs/troubleshooting.md has them. */
            code: string;
            /** @description What to do about it. */
            cure: string;
            /** @description Names the alert for ever. */
            id: string;
            /** @description The id of what it is about. */
            object?: string;
            /** @description Its name. */
            objectName?: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            opened: string;
            /**
             * Format: date-time
             * @description Until when; absent while it is so.
             */
            resolved?: string;
            /** @description What is wrong. */
            sentence: string;
            /**
             * @description Whether something does not work, will stop working, or should only be known.
             * @enum {string}
             */
            severity: "error" | "warning" | "notice";
            /**
             * @description It is so still, it was, or it happened once.
             * @enum {string}
             */
            state: "open" | "resolved" | "event";
        };
        AlertList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Alert"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Application: {
            /** @description Users may make access keys for it, for programs that can neither sign in nor renew a token. A key counts as one factor. */
            accessKeys?: boolean;
            /** @description Forward request targets that could be read in two ways. A weakness that the audit log records. */
            allowRawPaths?: boolean;
            /** @description PEM certificates that the chain of the internal URL may end in, beside the connector's own. */
            backendCa?: string;
            /**
             * @description Which version of HTTP the application is spoken to: http1; http2, which gRPC needs (agreed on in TLS by ALPN, or h2c where the internal URL has http://); auto, whichever it chooses in TLS.
             * @default http1
             * @enum {string}
             */
            backendProtocol: "http1" | "http2" | "auto";
            /**
             * @description How long to wait for the application's answer to begin, as a number with h, m or s; 1m25s if left out.
             * @example 1m25s
             */
            backendTimeout?: string;
            /**
             * @description Which connector of the group carries a request: the one with the least to do and the shortest way to the application; always the same for a user or for a client's address; or the first by the connectors' priority. A connector that cannot reach the application is passed over in any case.
             * @default least-loaded
             * @enum {string}
             */
            balancing: "least-loaded" | "sticky-user" | "sticky-address" | "priority";
            /** @description The connector group that serves it; the default group if left out. */
            connectorGroup?: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description Of a private application: a device that reaches no gateway dials its destinations itself, as if there were no client. Otherwise they are blocked then. */
            direct?: boolean;
            /** @description Nobody may use it, for maintenance. */
            disabled?: boolean;
            /**
             * @description The https URL that people use; of a web application.
             * @example https://wiki.example.com/
             */
            externalUrl?: string;
            /**
             * @description Which Host the application is shown.
             * @default internal
             * @enum {string}
             */
            hostHeader: "internal" | "external";
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * @description How long a body or a WebSocket may stand still, as a number with h, m or s; 5m if left out.
             * @example 5m
             */
            idleTimeout?: string;
            /**
             * @description The http or https URL that the connectors reach; of a web application.
             * @example http://wiki.internal:8080/
             */
            internalUrl?: string;
            /**
             * @description web: a web application, published at an external URL for browsers. private: destinations (segments) that devices with a client reach, whatever is spoken there. quick-access: the one private application that comes after all others.
             * @default web
             * @enum {string}
             */
            kind: "web" | "private" | "quick-access";
            /**
             * @description The name for people, unique.
             * @example Wiki
             */
            name: string;
            /** @description Groups whose members answer such requests. */
            ownerGroups?: string[] | null;
            /** @description Users who answer such requests, beside administrators of policies. */
            ownerUsers?: string[] | null;
            /**
             * @description What happens before a byte reaches the private network.
             * @default sign-in
             * @enum {string}
             */
            preAuthentication: "sign-in" | "passthrough";
            /**
             * @description Of a private application: connectors tell its servers the device's address by a header of the PROXY protocol of this version, ahead of all bytes of a TCP flow. Servers must expect it. Left out, they see the connector's address.
             * @enum {string}
             */
            proxyProtocol?: "" | "v2";
            /** @description Users may ask for it on the page of their applications. */
            requestable?: boolean;
            /** @description The destinations of a private application. Of several applications that have a destination one is its owner: any other before Quick Access, a name before a domain, a longer domain before a shorter one, fewer addresses before more, fewer ports before more. */
            segments?: components["schemas"]["Segment"][] | null;
            /** @description Do not verify the TLS certificate of the internal URL. A weakness that the audit log records. */
            skipVerify?: boolean;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        ApplicationConnector: {
            /** @description The address that it reached. */
            address?: string;
            /** @description It is of the backup group, which carries requests only while the application's own cannot. */
            backup: boolean;
            /** @description Why it does not reach the application, in a stable word. */
            code?: string;
            /** @description Its id. */
            connector: string;
            /**
             * @description In a word: active is only what connected to the application just now.
             * @enum {string}
             */
            label: "active" | "unreachable" | "unknown" | "degraded" | "draining" | "inactive" | "disabled";
            /** @description Its name. */
            name: string;
            /**
             * Format: date-time
             * @description Since when gateways know that it does not reach the application, and give it no requests while another does.
             */
            since?: string;
            /**
             * Format: double
             * @description How long resolving, connecting and TLS took, in milliseconds.
             */
            took?: number;
            /** @description Why it is not active, in a sentence. */
            why?: string;
        };
        ApplicationConnectors: {
            /** @description Those of its own group first. */
            items: components["schemas"]["ApplicationConnector"][] | null;
        };
        ApplicationCounts: {
            /**
             * Format: int64
             * @description All of them.
             */
            all: number;
            /**
             * Format: int64
             * @description Those that are switched off.
             */
            disabled: number;
        };
        ApplicationInput: {
            /** @description Users may make access keys for it, for programs that can neither sign in nor renew a token. A key counts as one factor. */
            accessKeys?: boolean;
            /** @description Forward request targets that could be read in two ways. A weakness that the audit log records. */
            allowRawPaths?: boolean;
            /** @description PEM certificates that the chain of the internal URL may end in, beside the connector's own. */
            backendCa?: string;
            /**
             * @description Which version of HTTP the application is spoken to: http1; http2, which gRPC needs (agreed on in TLS by ALPN, or h2c where the internal URL has http://); auto, whichever it chooses in TLS.
             * @default http1
             * @enum {string}
             */
            backendProtocol: "http1" | "http2" | "auto";
            /**
             * @description How long to wait for the application's answer to begin, as a number with h, m or s; 1m25s if left out.
             * @example 1m25s
             */
            backendTimeout?: string;
            /**
             * @description Which connector of the group carries a request: the one with the least to do and the shortest way to the application; always the same for a user or for a client's address; or the first by the connectors' priority. A connector that cannot reach the application is passed over in any case.
             * @default least-loaded
             * @enum {string}
             */
            balancing: "least-loaded" | "sticky-user" | "sticky-address" | "priority";
            /** @description The connector group that serves it; the default group if left out. */
            connectorGroup?: string;
            /** @description Of a private application: a device that reaches no gateway dials its destinations itself, as if there were no client. Otherwise they are blocked then. */
            direct?: boolean;
            /** @description Nobody may use it, for maintenance. */
            disabled?: boolean;
            /**
             * @description The https URL that people use; of a web application.
             * @example https://wiki.example.com/
             */
            externalUrl?: string;
            /**
             * @description Which Host the application is shown.
             * @default internal
             * @enum {string}
             */
            hostHeader: "internal" | "external";
            /**
             * @description How long a body or a WebSocket may stand still, as a number with h, m or s; 5m if left out.
             * @example 5m
             */
            idleTimeout?: string;
            /**
             * @description The http or https URL that the connectors reach; of a web application.
             * @example http://wiki.internal:8080/
             */
            internalUrl?: string;
            /**
             * @description web: a web application, published at an external URL for browsers. private: destinations (segments) that devices with a client reach, whatever is spoken there. quick-access: the one private application that comes after all others.
             * @default web
             * @enum {string}
             */
            kind: "web" | "private" | "quick-access";
            /**
             * @description The name for people, unique.
             * @example Wiki
             */
            name: string;
            /** @description Groups whose members answer such requests. */
            ownerGroups?: string[] | null;
            /** @description Users who answer such requests, beside administrators of policies. */
            ownerUsers?: string[] | null;
            /**
             * @description What happens before a byte reaches the private network.
             * @default sign-in
             * @enum {string}
             */
            preAuthentication: "sign-in" | "passthrough";
            /**
             * @description Of a private application: connectors tell its servers the device's address by a header of the PROXY protocol of this version, ahead of all bytes of a TCP flow. Servers must expect it. Left out, they see the connector's address.
             * @enum {string}
             */
            proxyProtocol?: "" | "v2";
            /** @description Users may ask for it on the page of their applications. */
            requestable?: boolean;
            /** @description The destinations of a private application. Of several applications that have a destination one is its owner: any other before Quick Access, a name before a domain, a longer domain before a shorter one, fewer addresses before more, fewer ports before more. */
            segments?: components["schemas"]["Segment"][] | null;
            /** @description Do not verify the TLS certificate of the internal URL. A weakness that the audit log records. */
            skipVerify?: boolean;
        };
        ApplicationList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Application"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        ApplicationPatch: {
            /** @description Users may make access keys for it, for programs that can neither sign in nor renew a token. A key counts as one factor. */
            accessKeys?: boolean | null;
            /** @description Forward request targets that could be read in two ways. A weakness that the audit log records. */
            allowRawPaths?: boolean | null;
            /** @description PEM certificates that the chain of the internal URL may end in, beside the connector's own. */
            backendCa?: string | null;
            /**
             * @description Which version of HTTP the application is spoken to: http1; http2, which gRPC needs (agreed on in TLS by ALPN, or h2c where the internal URL has http://); auto, whichever it chooses in TLS.
             * @enum {string|null}
             */
            backendProtocol?: "http1" | "http2" | "auto" | null;
            /**
             * @description How long to wait for the application's answer to begin, as a number with h, m or s; 1m25s if left out.
             * @example 1m25s
             */
            backendTimeout?: string | null;
            /**
             * @description Which connector of the group carries a request: the one with the least to do and the shortest way to the application; always the same for a user or for a client's address; or the first by the connectors' priority. A connector that cannot reach the application is passed over in any case.
             * @enum {string|null}
             */
            balancing?: "least-loaded" | "sticky-user" | "sticky-address" | "priority" | null;
            /** @description The connector group that serves it; the default group if left out. */
            connectorGroup?: string | null;
            /** @description Of a private application: a device that reaches no gateway dials its destinations itself, as if there were no client. Otherwise they are blocked then. */
            direct?: boolean | null;
            /** @description Nobody may use it, for maintenance. */
            disabled?: boolean | null;
            /**
             * @description The https URL that people use; of a web application.
             * @example https://wiki.example.com/
             */
            externalUrl?: string | null;
            /**
             * @description Which Host the application is shown.
             * @enum {string|null}
             */
            hostHeader?: "internal" | "external" | null;
            /**
             * @description How long a body or a WebSocket may stand still, as a number with h, m or s; 5m if left out.
             * @example 5m
             */
            idleTimeout?: string | null;
            /**
             * @description The http or https URL that the connectors reach; of a web application.
             * @example http://wiki.internal:8080/
             */
            internalUrl?: string | null;
            /**
             * @description web: a web application, published at an external URL for browsers. private: destinations (segments) that devices with a client reach, whatever is spoken there. quick-access: the one private application that comes after all others.
             * @enum {string|null}
             */
            kind?: "web" | "private" | "quick-access" | null;
            /**
             * @description The name for people, unique.
             * @example Wiki
             */
            name?: string | null;
            /** @description Groups whose members answer such requests. */
            ownerGroups?: string[] | null;
            /** @description Users who answer such requests, beside administrators of policies. */
            ownerUsers?: string[] | null;
            /**
             * @description What happens before a byte reaches the private network.
             * @enum {string|null}
             */
            preAuthentication?: "sign-in" | "passthrough" | null;
            /**
             * @description Of a private application: connectors tell its servers the device's address by a header of the PROXY protocol of this version, ahead of all bytes of a TCP flow. Servers must expect it. Left out, they see the connector's address.
             * @enum {string|null}
             */
            proxyProtocol?: "" | "v2" | null;
            /** @description Users may ask for it on the page of their applications. */
            requestable?: boolean | null;
            /** @description The destinations of a private application. Of several applications that have a destination one is its owner: any other before Quick Access, a name before a domain, a longer domain before a shorter one, fewer addresses before more, fewer ports before more. */
            segments?: components["schemas"]["Segment"][] | null;
            /** @description Do not verify the TLS certificate of the internal URL. A weakness that the audit log records. */
            skipVerify?: boolean | null;
        };
        ApplicationTest: {
            /** @description PEM certificates that its chain may end in, beside the system's; at most 32 KiB. */
            backendCa?: string;
            /** @description Which HTTP it is spoken to: http1, http2 or auto. */
            backendProtocol?: string;
            /** @description The connector group whose connectors try it; the default group if left out. */
            connectorGroup?: string;
            /** @description The URL that people use; needed where hostHeader is external. */
            externalUrl?: string;
            /** @description Which Host the application is shown: internal or external. */
            hostHeader?: string;
            /**
             * @description The URL that the connectors are to reach.
             * @example http://wiki.internal/
             */
            internalUrl: string;
            /** @description Do not verify its TLS certificate; what is wrong with that is told all the same. */
            skipVerify?: boolean;
        };
        ApplicationTested: {
            /** @description The connectors that would carry its traffic, those of its own group first. At most 8 are asked. */
            items: components["schemas"]["ApplicationTrial"][] | null;
        };
        ApplicationTrial: {
            /** @description The address that it connected to. */
            address?: string;
            /** @description The answer to one GET of the URL's path. */
            answer?: components["schemas"]["TrialAnswer"];
            /** @description It is of the backup group, which carries requests only while the application's own cannot. */
            backup: boolean;
            /** @description What it showed in TLS, good or not. */
            certificate?: components["schemas"]["TrialCertificate"];
            /** @description Why it was not reached, in a stable word; docs/troubleshooting.md has them. */
            code?: string;
            /**
             * Format: double
             * @description How long connecting took, in milliseconds.
             */
            connect?: number;
            /** @description Its id. */
            connector: string;
            /**
             * Format: double
             * @description How long TLS took, in milliseconds.
             */
            handshake?: number;
            /**
             * @description In a word: active reached it; unreachable did not; all others were not asked.
             * @enum {string}
             */
            label: "active" | "unreachable" | "unknown" | "degraded" | "draining" | "inactive" | "disabled";
            /** @description Its name. */
            name: string;
            /** @description How far it got: local (rules), resolve, connect, tls. */
            phase?: string;
            /**
             * Format: double
             * @description How long the look-up of the name took, in milliseconds.
             */
            resolve?: number;
            /** @description Why it was not reached or not asked, in a sentence. */
            why?: string;
        };
        ApplyRequest: {
            /** @description The digest of the plan that was looked at; if the changes would be any others, nothing is done. */
            digest?: string;
            /** @description The configuration that is wanted. */
            document: components["schemas"]["Document"];
            /** @description Delete what is not named in those lists that the document has. */
            prune?: boolean;
        };
        ApproveInput: {
            /** @description What to say to who asked. */
            answer?: string;
            /**
             * @description For how long, such as 8h or 720h; what was asked for if left out.
             * @example 168h
             */
            period?: string;
        };
        Assignment: {
            /** @description The application that may be used. */
            application: string;
            /** @description The application's name; in what is read, if you may read it. */
            applicationName?: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description When it ends; absent for never. The only thing of an assignment that can be changed.
             */
            expires?: string;
            /** @description The group whose members may use it; either this or user. */
            group?: string;
            /** @description The group's name; in what is read, if you may read it. */
            groupName?: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description The access request that it was made for. */
            request?: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /** @description The user who may use it; either this or group. */
            user?: string;
            /** @description The user's sign-in name; in what is read, if you may read it. */
            userName?: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        AssignmentInput: {
            /** @description The application that may be used. */
            application: string;
            /**
             * Format: date-time
             * @description When it ends; absent for never. The only thing of an assignment that can be changed.
             */
            expires?: string;
            /** @description The group whose members may use it; either this or user. */
            group?: string;
            /** @description The user who may use it; either this or group. */
            user?: string;
        };
        AssignmentList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Assignment"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        AssignmentPatch: {
            /** @description The application that may be used. */
            application?: string | null;
            /**
             * Format: date-time
             * @description When it ends; absent for never. The only thing of an assignment that can be changed.
             */
            expires?: string | null;
            /** @description The group whose members may use it; either this or user. */
            group?: string | null;
            /** @description The user who may use it; either this or group. */
            user?: string | null;
        };
        AuditActor: {
            /** @description The network address it came from. */
            address?: string;
            /** @description Its id. */
            id?: string;
            /** @description What sort of party it was. */
            kind: string;
            /** @description Its name at that time. */
            name?: string;
            /** @description The reference of the request. */
            request?: string;
        };
        AuditChain: {
            /** @description The last entry. */
            head: components["schemas"]["AuditHead"];
            /** @description The public key of its signatures, Ed25519, hexadecimal. */
            key: string;
            /** @description The last entry that was removed because it was old. */
            trimmed: components["schemas"]["AuditHead"];
        };
        AuditEntry: {
            /**
             * @description What was done.
             * @example application.create
             */
            action: string;
            /** @description Who did it. */
            actor: components["schemas"]["AuditActor"];
            /** @description The changed fields with old and new values, or the reason of the refusal. */
            detail?: unknown;
            /** @description Names the entry for ever. */
            id: string;
            /** @description The object's name at that time. */
            name?: string;
            /** @description To which object. */
            object?: string;
            /**
             * @description Whether it was done.
             * @enum {string}
             */
            outcome: "done" | "refused";
            /**
             * Format: int64
             * @description Its place in the log, from 1; the entries are chained in this order.
             */
            seq: number;
            /**
             * Format: date-time
             * @description When it was.
             */
            time: string;
            /**
             * Format: int64
             * @description The configuration version that the change made; absent when it made none.
             */
            version?: number;
        };
        AuditEntryList: {
            /** @description The objects of this page. */
            items: components["schemas"]["AuditEntry"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        AuditHead: {
            /** @description Its hash. */
            hash: string;
            /**
             * Format: int64
             * @description The entry's place; 0 for none.
             */
            seq: number;
            /** @description The signature of both. */
            signature: string;
            /**
             * Format: date-time
             * @description When the entry was.
             */
            time: string;
        };
        AuditPart: {
            /** @description Hexadecimal; empty when the values were erased. */
            salt: string;
            /** @description HMAC-SHA-256 of the values under the salt, which stays when they are erased. */
            sum: string;
            /** @description The values. */
            values: string[] | null;
        };
        AuditProblem: {
            /** @description Its id, if there is such an entry. */
            id?: string;
            /** @description What is wrong with it. */
            reason: string;
            /**
             * Format: int64
             * @description The place of the first bad entry.
             */
            seq: number;
        };
        AuditRecord: {
            /** @description What was done. */
            action: string;
            /** @description Its id. */
            actor: string;
            /** @description What sort of party did it. */
            actorKind: string;
            /** @description Whether the entry was written by a program that knew no chain, and joined it later. */
            adopted: boolean;
            /** @description SHA-256 of the entry and the hash before. */
            hash: string;
            /** @description Names the entry for ever. */
            id: string;
            /** @description To which object, by id. */
            object: string;
            /** @description Whether it was done or refused. */
            outcome: string;
            /** @description The reference of the request. */
            request: string;
            /** @description The roles it had. */
            roles: string[] | null;
            /**
             * Format: int64
             * @description Its place in the log, from 1.
             */
            seq: number;
            /** @description Ed25519 over the place and the hash. */
            signature: string;
            /**
             * Format: date-time
             * @description When it was, to the microsecond.
             */
            time: string;
            /**
             * Format: int64
             * @description The configuration version that the change made; 0 when it made none.
             */
            version: number;
            /** @description The object's name and the detail. */
            what: components["schemas"]["AuditPart"];
            /** @description The actor's name and address. */
            who: components["schemas"]["AuditPart"];
        };
        AuditRecordList: {
            /** @description The objects of this page. */
            items: components["schemas"]["AuditRecord"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        AuditReport: {
            /**
             * Format: int64
             * @description How many joined the chain after they were written.
             */
            adopted: number;
            /**
             * Format: int64
             * @description How many entries were checked.
             */
            entries: number;
            /**
             * Format: int64
             * @description How many lack personal fields.
             */
            erased: number;
            /**
             * Format: int64
             * @description The place of the first.
             */
            first: number;
            /** @description Whether the log is whole. */
            good: boolean;
            /** @description The last entry. */
            head: components["schemas"]["AuditHead"];
            /** @description The public key of its signatures, Ed25519, hexadecimal. */
            key: string;
            /**
             * Format: int64
             * @description The place of the last.
             */
            last: number;
            /** @description There is more to verify: ask again with this as part. Until it is absent, good is false. */
            next?: string;
            /** @description The first thing that is wrong. */
            problem?: components["schemas"]["AuditProblem"];
            /**
             * Format: int64
             * @description Entries up to this place were removed because they were old.
             */
            trimmed: number;
        };
        Authority: {
            /** @description How far the exchange of the root has come; absent when none is under way. */
            exchange?: components["schemas"]["AuthorityExchange"];
            /** @description The issuing certificate that signs now. */
            issuing: components["schemas"]["AuthorityRoot"];
            /** @description The keys that sign grants and cookies and those of before that are still good, the newest of each use first. */
            keys: components["schemas"]["SigningKey"][] | null;
            /** @description The roots that connectors and browsers trust: one, or two while they are exchanged, the next one last. */
            roots: components["schemas"]["AuthorityRoot"][] | null;
        };
        AuthorityExchange: {
            /**
             * Format: int64
             * @description How many devices of users have a certificate of before that is good still. They renew by themselves, within half of its life.
             */
            devices: number;
            /**
             * Format: date-time
             * @description When it began.
             */
            started: string;
            /** @description Enrolment tokens that may still be used and name the root before. */
            tokens: components["schemas"]["AuthorityOldToken"][] | null;
            /** @description Connectors that have not renewed under the next root. */
            waiting: components["schemas"]["AuthorityWaiting"][] | null;
        };
        AuthorityFinish: {
            /** @description Finish also if that cuts somebody off. */
            force?: boolean;
        };
        AuthorityOldToken: {
            /**
             * Format: date-time
             * @description When it expires by itself.
             */
            expires: string;
            /** @description Names the token. */
            id: string;
            /** @description Its name. */
            name: string;
        };
        AuthorityRoot: {
            /** @description SHA-256 of the certificate, hexadecimal. */
            fingerprint: string;
            /**
             * Format: date-time
             * @description When it ends.
             */
            notAfter: string;
        };
        AuthorityWaiting: {
            /** @description Whether it is disabled: then it cannot renew. */
            disabled: boolean;
            /** @description Names the connector. */
            id: string;
            /**
             * Format: date-time
             * @description When it was last seen.
             */
            lastSeen?: string;
            /** @description Its name. */
            name: string;
        };
        Branding: {
            /**
             * @description The colour of buttons and links on light pages. One that people cannot read (WCAG AA, 4.5:1) is refused.
             * @example #0f6cbd
             */
            colour?: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description The colours of dark pages as they are shown. */
            dark: components["schemas"]["Shades"];
            /**
             * @description The same on dark pages; made of colour if left out.
             * @example #479ef5
             */
            darkColour?: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description The colours of light pages as they are shown. */
            light: components["schemas"]["Shades"];
            /** @description A PNG image or an SVG drawing without scripts and links, in base64; at most 32 KiB. */
            logo?: string;
            /**
             * @description What the logo is.
             * @enum {string}
             */
            logoType?: "image/png" | "image/svg+xml";
            /**
             * @description The name of the organisation, in the head of each page; at most 60 characters.
             * @example Example Corp.
             */
            name?: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        BrandingInput: {
            /**
             * @description The colour of buttons and links on light pages. One that people cannot read (WCAG AA, 4.5:1) is refused.
             * @example #0f6cbd
             */
            colour?: string;
            /**
             * @description The same on dark pages; made of colour if left out.
             * @example #479ef5
             */
            darkColour?: string;
            /** @description A PNG image or an SVG drawing without scripts and links, in base64; at most 32 KiB. */
            logo?: string;
            /**
             * @description The name of the organisation, in the head of each page; at most 60 characters.
             * @example Example Corp.
             */
            name?: string;
        };
        BrandingPatch: {
            /**
             * @description The colour of buttons and links on light pages. One that people cannot read (WCAG AA, 4.5:1) is refused.
             * @example #0f6cbd
             */
            colour?: string | null;
            /**
             * @description The same on dark pages; made of colour if left out.
             * @example #479ef5
             */
            darkColour?: string | null;
            /** @description A PNG image or an SVG drawing without scripts and links, in base64; at most 32 KiB. */
            logo?: string | null;
            /**
             * @description The name of the organisation, in the head of each page; at most 60 characters.
             * @example Example Corp.
             */
            name?: string | null;
        };
        Certificate: {
            /** @description PEM certificates, the domain's own first. */
            chain: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * @description An exact name, or *. and a parent.
             * @example *.example.com
             */
            domain: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description Who issued it. */
            issuer: string;
            /**
             * Format: date-time
             * @description When it expires.
             */
            notAfter: string;
            /** @description SHA-256 of the certificate, hexadecimal. */
            sha256: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        CertificateInput: {
            /** @description PEM certificates, the domain's own first. */
            chain: string;
            /** @description The PEM private key. It is sealed and never given back. */
            key: string;
        };
        CertificateList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Certificate"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Clients: {
            /**
             * Format: int64
             * @description How many devices are connected, as far as was seen within the last two minutes.
             */
            connected: number;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description What users may not do with their client, by its commands. Who administers a machine can still end the program there. */
            locked?: ("pause" | "down" | "logout")[] | null;
            /** @description Break glass: all clients stop capturing and close what is open through them, gateways refuse what they ask for, and devices go as if there were no client. */
            off?: boolean;
            /**
             * @description Why they are off. Users see it in the client's status.
             * @example Maintenance of the data centre until noon
             */
            offReason?: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        ClientsInput: {
            /** @description What users may not do with their client, by its commands. Who administers a machine can still end the program there. */
            locked?: ("pause" | "down" | "logout")[] | null;
            /** @description Break glass: all clients stop capturing and close what is open through them, gateways refuse what they ask for, and devices go as if there were no client. */
            off?: boolean;
            /**
             * @description Why they are off. Users see it in the client's status.
             * @example Maintenance of the data centre until noon
             */
            offReason?: string;
        };
        ClientsPatch: {
            /** @description What users may not do with their client, by its commands. Who administers a machine can still end the program there. */
            locked?: ("pause" | "down" | "logout")[] | null;
            /** @description Break glass: all clients stop capturing and close what is open through them, gateways refuse what they ask for, and devices go as if there were no client. */
            off?: boolean | null;
            /**
             * @description Why they are off. Users see it in the client's status.
             * @example Maintenance of the data centre until noon
             */
            offReason?: string | null;
        };
        Connector: {
            /** @description From where it was last seen. */
            address?: string;
            /**
             * Format: date-time
             * @description When it was put away after long absence; absent if it was not. It comes back by itself when it connects again.
             */
            archived?: string;
            /**
             * Format: date-time
             * @description Until when it may load a gateway to measure what it can carry: at most 24 hours ahead. Left out: it may not.
             */
            benchUntil?: string;
            /** @description The certificate that it proves itself with. */
            certificate: components["schemas"]["ConnectorCertificate"];
            /** @description The connector group that it is in. */
            connectorGroup: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description Until when its log has debug messages: at most 24 hours ahead. Left out: it has not.
             */
            debugLogUntil?: string;
            /** @description It carries no traffic: its tunnels are cut at once. */
            disabled?: boolean;
            /** @description It takes no new requests; those that run go on. For maintenance. */
            draining?: boolean;
            /** @description What it tells of its machine. */
            host: components["schemas"]["ConnectorHost"];
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last heard of.
             */
            lastSeen?: string;
            /**
             * @description The name for people, unique.
             * @example hq-1
             */
            name: string;
            /**
             * Format: int64
             * @description Its place in its group, for applications that are balanced by priority: the lowest number is the first.
             */
            priority?: number;
            /**
             * Format: date-time
             * @description Until when it keeps a log of every transaction: at most 24 hours ahead. Left out: it does not.
             */
            sessionLogUntil?: string;
            /** @description How it is now. */
            status: components["schemas"]["ConnectorStatus"];
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
            /**
             * Format: date-time
             * @description Until when it waits for an administrator's approval, after which it is deleted; absent if it does not wait.
             */
            waiting?: string;
        };
        ConnectorCertificate: {
            /**
             * Format: date-time
             * @description When it expires. It is renewed long before.
             */
            notAfter: string;
            /** @description Its serial number, hexadecimal. */
            serial: string;
        };
        ConnectorCounts: {
            /**
             * Format: int64
             * @description Those that answer probes.
             */
            active: number;
            /**
             * Format: int64
             * @description All of them, without the archived ones.
             */
            all: number;
            /**
             * Format: int64
             * @description Those with something wrong.
             */
            degraded: number;
            /**
             * Format: int64
             * @description Those that somebody disabled.
             */
            disabled: number;
            /**
             * Format: int64
             * @description Those that take no new requests, as somebody said.
             */
            draining: number;
            /**
             * Format: int64
             * @description Those without a tunnel.
             */
            inactive: number;
            /**
             * Format: int64
             * @description Those that wait for approval.
             */
            waiting: number;
        };
        ConnectorGroup: {
            /** @description The connector group that carries the traffic of this one's applications while none of its connectors can. It has no backup group itself. */
            backupGroup?: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description New connectors and applications land here when nobody says otherwise. Exactly one group is the default; making another one the default ends it. */
            default?: boolean;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * @description The name for people, unique.
             * @example Headquarters
             */
            name: string;
            /**
             * @description Where its connectors are, in a word.
             * @example eu-west
             */
            region?: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        ConnectorGroupInput: {
            /** @description The connector group that carries the traffic of this one's applications while none of its connectors can. It has no backup group itself. */
            backupGroup?: string;
            /** @description New connectors and applications land here when nobody says otherwise. Exactly one group is the default; making another one the default ends it. */
            default?: boolean;
            /**
             * @description The name for people, unique.
             * @example Headquarters
             */
            name: string;
            /**
             * @description Where its connectors are, in a word.
             * @example eu-west
             */
            region?: string;
        };
        ConnectorGroupList: {
            /** @description The objects of this page. */
            items: components["schemas"]["ConnectorGroup"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        ConnectorGroupPatch: {
            /** @description The connector group that carries the traffic of this one's applications while none of its connectors can. It has no backup group itself. */
            backupGroup?: string | null;
            /** @description New connectors and applications land here when nobody says otherwise. Exactly one group is the default; making another one the default ends it. */
            default?: boolean | null;
            /**
             * @description The name for people, unique.
             * @example Headquarters
             */
            name?: string | null;
            /**
             * @description Where its connectors are, in a word.
             * @example eu-west
             */
            region?: string | null;
        };
        ConnectorHost: {
            /** @description Its processor architecture. */
            arch: string;
            /** @description The machine's own name. */
            machineName: string;
            /** @description Its operating system. */
            os: string;
            /** @description The connector program's version. */
            version: string;
        };
        ConnectorInput: {
            /**
             * Format: date-time
             * @description Until when it may load a gateway to measure what it can carry: at most 24 hours ahead. Left out: it may not.
             */
            benchUntil?: string;
            /** @description The connector group that it is in. */
            connectorGroup: string;
            /**
             * Format: date-time
             * @description Until when its log has debug messages: at most 24 hours ahead. Left out: it has not.
             */
            debugLogUntil?: string;
            /** @description It carries no traffic: its tunnels are cut at once. */
            disabled?: boolean;
            /** @description It takes no new requests; those that run go on. For maintenance. */
            draining?: boolean;
            /**
             * @description The name for people, unique.
             * @example hq-1
             */
            name: string;
            /**
             * Format: int64
             * @description Its place in its group, for applications that are balanced by priority: the lowest number is the first.
             */
            priority?: number;
            /**
             * Format: date-time
             * @description Until when it keeps a log of every transaction: at most 24 hours ahead. Left out: it does not.
             */
            sessionLogUntil?: string;
        };
        ConnectorList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Connector"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        ConnectorLog: {
            /** @description The oldest first. */
            entries: components["schemas"]["ConnectorLogEntry"][] | null;
            /** @description The process of the connector whose places these are; give it with the next question. */
            instance: string;
            /**
             * Format: int64
             * @description How many entries since the place that was asked about are not there any more.
             */
            missed?: number;
            /**
             * Format: int64
             * @description Where to go on: after.
             */
            next: number;
        };
        ConnectorLogEntry: {
            /** @description The stable id of a key event; docs/connector-logs.md lists them. */
            event?: string;
            /** @description What is different from time to time; of a transaction all that is known of it. */
            fields?: {
                [key: string]: string;
            };
            /** @description What happened, in fixed words. */
            message: string;
            /** @description debug, info, warn or error. */
            severity: string;
            /**
             * Format: date-time
             * @description When, by the connector's clock.
             */
            time: string;
        };
        ConnectorPatch: {
            /**
             * Format: date-time
             * @description Until when it may load a gateway to measure what it can carry: at most 24 hours ahead. Left out: it may not.
             */
            benchUntil?: string | null;
            /** @description The connector group that it is in. */
            connectorGroup?: string | null;
            /**
             * Format: date-time
             * @description Until when its log has debug messages: at most 24 hours ahead. Left out: it has not.
             */
            debugLogUntil?: string | null;
            /** @description It carries no traffic: its tunnels are cut at once. */
            disabled?: boolean | null;
            /** @description It takes no new requests; those that run go on. For maintenance. */
            draining?: boolean | null;
            /**
             * @description The name for people, unique.
             * @example hq-1
             */
            name?: string | null;
            /**
             * Format: int64
             * @description Its place in its group, for applications that are balanced by priority: the lowest number is the first.
             */
            priority?: number | null;
            /**
             * Format: date-time
             * @description Until when it keeps a log of every transaction: at most 24 hours ahead. Left out: it does not.
             */
            sessionLogUntil?: string | null;
        };
        ConnectorStatus: {
            /**
             * Format: date-time
             * @description When it last answered a probe.
             */
            echo?: string;
            /** @description How much more it can carry, as it measures itself; absent while nobody knows. */
            headRoom?: components["schemas"]["HeadRoom"];
            /**
             * @description In a word: active is only what answered a probe within 30 seconds.
             * @enum {string}
             */
            label: "active" | "degraded" | "draining" | "inactive" | "disabled" | "archived" | "waiting";
            /**
             * Format: double
             * @description How long the last probe took, in milliseconds.
             */
            roundTrip?: number;
            /**
             * Format: int64
             * @description How many streams they carry.
             */
            streams: number;
            /**
             * Format: int64
             * @description How many tunnels it has.
             */
            tunnels: number;
            /** @description Applications that it does not reach, although it may be active; it gets no requests for them while another connector reaches them. */
            unreached?: components["schemas"]["Unreached"][] | null;
            /** @description How its tunnels go, if not the plain way: through a proxy, or by HTTP Upgrade since somebody on the way opens TLS, whose issuer is named. */
            way?: string;
            /** @description Why it is not active, in a sentence. */
            why?: string;
        };
        DenyInput: {
            /** @description What to say to who asked. */
            answer?: string;
        };
        Device: {
            /** @description From which it was seen then. */
            address: string;
            /** @description Its processor. */
            arch: string;
            /**
             * Format: date-time
             * @description When that certificate ends; the device renews it when half of its life is over.
             */
            certificateEnds: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last seen; absent for never.
             */
            lastSeen?: string;
            /** @description What the machine calls itself. This and all down to program is as the device tells. */
            machineName: string;
            /**
             * @description The name for people.
             * @example Ada's laptop
             */
            name: string;
            /** @description Its operating system: linux, windows or darwin. */
            os: string;
            /** @description The version of that. */
            osVersion: string;
            /** @description The version of its client. */
            program: string;
            /**
             * Format: date-time
             * @description When it was revoked; absent if it is not.
             */
            revoked?: string;
            /** @description The serial of its newest certificate, hexadecimal. */
            serial: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /** @description Whose it is. */
            user: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        DeviceInput: {
            /**
             * @description The name for people.
             * @example Ada's laptop
             */
            name: string;
        };
        DeviceList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Device"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        DevicePatch: {
            /**
             * @description The name for people.
             * @example Ada's laptop
             */
            name?: string | null;
        };
        Diagnosis: {
            /** @description The connector. */
            connector: string;
            /** @description What was found, the worst first. */
            findings: components["schemas"]["DiagnosisFinding"][] | null;
            /** @description The connector program's version. */
            program: string;
            /** @description Whether the connector itself looked. */
            running: boolean;
            /** @description The service's URL, as the connector has it. */
            service?: string;
            /**
             * Format: date-time
             * @description When it began, by the connector's clock.
             */
            time: string;
            /**
             * Format: double
             * @description How long it took, in seconds.
             */
            took: number;
            /**
             * @description The worst severity of all findings.
             * @enum {string}
             */
            worst: "ok" | "note" | "warning" | "error";
        };
        DiagnosisFinding: {
            /** @description A stable word; docs/doctor.md lists them. */
            code: string;
            /** @description What to do about it. */
            cure?: string;
            /** @description What was found, and its cause where it is known. */
            detail: string;
            /** @description Of an application that is not reached: the code that a user's request fails with. */
            reason?: string;
            /**
             * @description How bad it is.
             * @enum {string}
             */
            severity: "ok" | "note" | "warning" | "error";
            /** @description What was looked at: a gateway, an application, a file. */
            subject?: string;
        };
        Discovered: {
            /** @description The id of the application that it belongs to now; absent if it is nobody's any more. */
            application?: string;
            /** @description That application's name. */
            applicationName?: string;
            /**
             * @description Names it: host, port and protocol, as segments are written.
             * @example db.corp.example:5432/tcp
             */
            destination: string;
            /**
             * Format: int64
             * @description From how many different devices.
             */
            devices: number;
            /**
             * Format: date-time
             * @description When it was used first in that time.
             */
            first: string;
            /**
             * Format: int64
             * @description How many connections, and exchanges of datagrams, there were. Each counts when it has ended.
             */
            flows: number;
            /**
             * Format: date-time
             * @description When it was used last.
             */
            last: string;
            /** @description Another application than Quick Access has it by now. */
            owned: boolean;
            /**
             * Format: int64
             * @description Bytes from devices.
             */
            received: number;
            /** @description The segment that an application would have of it. */
            segment: components["schemas"]["Segment"];
            /**
             * Format: int64
             * @description Bytes to devices.
             */
            sent: number;
            /**
             * Format: int64
             * @description How many different users used it.
             */
            users: number;
        };
        DiscoveredList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Discovered"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Document: {
            /** @description Published applications; their connector group by name. */
            applications?: components["schemas"]["ApplicationInput"][] | null;
            /** @description Who may use which application, all by name. */
            assignments?: components["schemas"]["AssignmentInput"][] | null;
            /** @description How the pages look that people see; the logo in base64. */
            branding?: components["schemas"]["BrandingInput"];
            /** @description What holds for postern-client on all devices. */
            clients?: components["schemas"]["ClientsInput"];
            /** @description Connector groups. */
            connectorGroups?: components["schemas"]["DocumentConnectorGroup"][] | null;
            /** @description Where logs are sent, without secrets: those that are there stay. Only for those who may see them. */
            exports?: components["schemas"]["ExportInput"][] | null;
            /** @description Groups of users; their members by sign-in name. */
            groups?: components["schemas"]["GroupInput"][] | null;
            /** @description Policies; what they name by name. */
            policies?: components["schemas"]["PolicyInput"][] | null;
            /** @description How long logs are kept. */
            retention?: components["schemas"]["RetentionInput"];
            /** @description Upstreams, without their secrets: those that are there stay; the groups of their mappings by name. */
            upstreams?: components["schemas"]["UpstreamInput"][] | null;
            /** @description Local users, without passwords. */
            users?: components["schemas"]["UserInput"][] | null;
        };
        DocumentConnectorGroup: {
            /** @description The connector group, by name, that carries the traffic of this one's applications while none of its connectors can. */
            backupGroup?: string;
            /** @description New connectors land here. Where no group of a document says so, the default stays what it is. */
            default?: boolean;
            /**
             * @description The name for people, unique.
             * @example Headquarters
             */
            name: string;
            /**
             * @description Where its connectors are, in a word.
             * @example eu-west
             */
            region?: string;
        };
        Erased: {
            /**
             * Format: int64
             * @description How many entries of the audit log lost personal fields.
             */
            audit: number;
            /** @description Whether the user was still there and was deleted too. */
            deleted: boolean;
            /**
             * Format: int64
             * @description How many entries of the sign-in log did.
             */
            signIns: number;
        };
        ExplainHop: {
            /** @description What to do about it. */
            cure?: string;
            /** @description What was found. */
            detail: string;
            /** @description user, session, device, application, assignment, policy, connectors or target. */
            name: string;
            /** @description The name of what it is about. */
            object?: string;
            /**
             * @description How it is; a note is in nobody's way.
             * @enum {string}
             */
            state: "ok" | "failed" | "note" | "skipped";
        };
        Explanation: {
            /** @description Whether a request would get through. */
            allow: boolean;
            /** @description The application's name. */
            application: string;
            /**
             * Format: date-time
             * @description The moment that is asked about.
             */
            at: string;
            /** @description What to do about it. */
            cure?: string;
            /** @description The hop that fails. */
            failed?: string;
            /** @description Every station on the way, in order. */
            hops: components["schemas"]["ExplainHop"][] | null;
            /** @description What the user is told. */
            message?: string;
            /** @description The stable word of the denial, as the gateway says it; absent when allowed. */
            reason?: string;
            /** @description The user gets through after signing in again with this strength. */
            stepUp?: string;
            /** @description The user's sign-in name. */
            user: string;
        };
        Export: {
            /** @description It may be on the service's own machine, at the port of the URL. */
            allowLoopback?: boolean;
            /** @description The destination may be in a private network. */
            allowPrivate?: boolean;
            /** @description webhook: post a JSON array instead of a line for each entry. */
            array?: boolean;
            /** @description Authorities to trust beside the system's, PEM. */
            ca?: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description Nothing is sent. It goes on where it was when this ends. */
            disabled?: boolean;
            /**
             * @description mail: the sender's e-mail address.
             * @example postern@example.com
             */
            from?: string;
            /** @description Whether it has a secret. */
            hasSecret: boolean;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * @description Which way logs are sent. It cannot be changed.
             * @enum {string}
             */
            kind: "syslog" | "webhook" | "otlp" | "mail";
            /** @description Unique, whatever its case. */
            name: string;
            /** @description How far it is with each log. */
            states: components["schemas"]["ExportState"][] | null;
            /** @description Which logs are sent: audit, sign-ins, traffic, alerts. */
            streams: string[] | null;
            /** @description mail: the recipients' e-mail addresses. */
            to?: string[] | null;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * @description syslog: tls://, tcp:// or udp://host:port; mail: smtps://, smtp:// (with STARTTLS) or smtp+plain://host:port; else https://…; otlp: the full URL of the logs. No user, no query.
             * @example tls://logs.example.com:6514
             */
            url: string;
            /** @description mail: who signs in at the mail server; the secret is the password. Nobody if left out. */
            user?: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        ExportCreate: {
            /** @description It may be on the service's own machine, at the port of the URL. */
            allowLoopback?: boolean;
            /** @description The destination may be in a private network. */
            allowPrivate?: boolean;
            /** @description webhook: post a JSON array instead of a line for each entry. */
            array?: boolean;
            /** @description Send what is in the logs already, too. */
            beginning?: boolean;
            /** @description Authorities to trust beside the system's, PEM. */
            ca?: string;
            /** @description Nothing is sent. It goes on where it was when this ends. */
            disabled?: boolean;
            /**
             * @description mail: the sender's e-mail address.
             * @example postern@example.com
             */
            from?: string;
            /**
             * @description Which way logs are sent. It cannot be changed.
             * @enum {string}
             */
            kind: "syslog" | "webhook" | "otlp" | "mail";
            /** @description Unique, whatever its case. */
            name: string;
            /** @description webhook: signs what is sent; otlp: the bearer token; mail: the password of user. It is not shown again. */
            secret?: string;
            /** @description Which logs are sent: audit, sign-ins, traffic, alerts. */
            streams: string[] | null;
            /** @description mail: the recipients' e-mail addresses. */
            to?: string[] | null;
            /**
             * @description syslog: tls://, tcp:// or udp://host:port; mail: smtps://, smtp:// (with STARTTLS) or smtp+plain://host:port; else https://…; otlp: the full URL of the logs. No user, no query.
             * @example tls://logs.example.com:6514
             */
            url: string;
            /** @description mail: who signs in at the mail server; the secret is the password. Nobody if left out. */
            user?: string;
        };
        ExportInput: {
            /** @description It may be on the service's own machine, at the port of the URL. */
            allowLoopback?: boolean;
            /** @description The destination may be in a private network. */
            allowPrivate?: boolean;
            /** @description webhook: post a JSON array instead of a line for each entry. */
            array?: boolean;
            /** @description Authorities to trust beside the system's, PEM. */
            ca?: string;
            /** @description Nothing is sent. It goes on where it was when this ends. */
            disabled?: boolean;
            /**
             * @description mail: the sender's e-mail address.
             * @example postern@example.com
             */
            from?: string;
            /**
             * @description Which way logs are sent. It cannot be changed.
             * @enum {string}
             */
            kind: "syslog" | "webhook" | "otlp" | "mail";
            /** @description Unique, whatever its case. */
            name: string;
            /** @description Which logs are sent: audit, sign-ins, traffic, alerts. */
            streams: string[] | null;
            /** @description mail: the recipients' e-mail addresses. */
            to?: string[] | null;
            /**
             * @description syslog: tls://, tcp:// or udp://host:port; mail: smtps://, smtp:// (with STARTTLS) or smtp+plain://host:port; else https://…; otlp: the full URL of the logs. No user, no query.
             * @example tls://logs.example.com:6514
             */
            url: string;
            /** @description mail: who signs in at the mail server; the secret is the password. Nobody if left out. */
            user?: string;
        };
        ExportList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Export"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        ExportPatch: {
            /** @description It may be on the service's own machine, at the port of the URL. */
            allowLoopback?: boolean | null;
            /** @description The destination may be in a private network. */
            allowPrivate?: boolean | null;
            /** @description webhook: post a JSON array instead of a line for each entry. */
            array?: boolean | null;
            /** @description Authorities to trust beside the system's, PEM. */
            ca?: string | null;
            /** @description Nothing is sent. It goes on where it was when this ends. */
            disabled?: boolean | null;
            /**
             * @description mail: the sender's e-mail address.
             * @example postern@example.com
             */
            from?: string | null;
            /**
             * @description Which way logs are sent. It cannot be changed.
             * @enum {string|null}
             */
            kind?: "syslog" | "webhook" | "otlp" | "mail" | null;
            /** @description Unique, whatever its case. */
            name?: string | null;
            /** @description Which logs are sent: audit, sign-ins, traffic, alerts. */
            streams?: string[] | null;
            /** @description mail: the recipients' e-mail addresses. */
            to?: string[] | null;
            /**
             * @description syslog: tls://, tcp:// or udp://host:port; mail: smtps://, smtp:// (with STARTTLS) or smtp+plain://host:port; else https://…; otlp: the full URL of the logs. No user, no query.
             * @example tls://logs.example.com:6514
             */
            url?: string | null;
            /** @description mail: who signs in at the mail server; the secret is the password. Nobody if left out. */
            user?: string | null;
        };
        ExportState: {
            /** @description What went wrong the last time. */
            error?: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            failing?: string;
            /** @description Of traffic: the address of the gateway whose log it is. Each sends its own. */
            gateway?: string;
            /**
             * Format: int64
             * @description How many were removed by age before they could be sent.
             */
            missed: number;
            /**
             * Format: date-time
             * @description When that was.
             */
            sent?: string;
            /**
             * Format: int64
             * @description The last entry that is known to have arrived.
             */
            seq: number;
            /** @description Which log. */
            stream: string;
            /**
             * Format: int64
             * @description How many entries are not sent yet.
             */
            waiting: number;
        };
        ExportTest: {
            /** @description What the other side said, of a mail server. */
            answer?: string;
        };
        FieldChange: {
            /** @description The field. */
            name: string;
            /** @description What it becomes; absent for nothing. */
            new?: unknown;
            /** @description What it was; absent for nothing. */
            old?: unknown;
        };
        Finding: {
            /** @description Names the kind of finding; docs/troubleshooting.md has an entry. */
            code: string;
            /** @description What to do about it. */
            cure: string;
            /**
             * Format: date-time
             * @description When it becomes worse.
             */
            due?: string;
            /** @description What it is about. */
            object?: string;
            /** @description What is wrong. */
            sentence: string;
            /**
             * @description Whether something does not work now, will stop working, or should only be known.
             * @enum {string}
             */
            severity: "error" | "warning" | "notice";
        };
        Gateway: {
            /** @description Where connectors and other gateways dial it. */
            address: string;
            /** @description It is the one that answers this request. */
            answers: boolean;
            /**
             * Format: int64
             * @description The change of the configuration that is in force there.
             */
            change: number;
            /**
             * Format: int64
             * @description How many requests it carries now.
             */
            exchanges: number;
            /**
             * Format: int64
             * @description How many streams it carries for other gateways.
             */
            forwarded: number;
            /** @description Its id, another one after each start. */
            id: string;
            /**
             * @description In a word: unreached means that the gateway that answers has no tunnel with it.
             * @enum {string}
             */
            label: "active" | "draining" | "unreached";
            /** @description The gateways that it has tunnels with. */
            peers?: string[] | null;
            /** @description Where it is, in a word. */
            region?: string;
            /**
             * Format: date-time
             * @description When it started.
             */
            since?: string;
            /**
             * Format: int64
             * @description How many tunnels of connectors it holds.
             */
            tunnels: number;
            /** @description Gateways that run but that it has no tunnel with. */
            unreached?: string[] | null;
            /** @description The program's version. */
            version?: string;
            /** @description Why it is not active, in a sentence. */
            why?: string;
        };
        GatewayCounts: {
            /**
             * Format: int64
             * @description All that run.
             */
            all: number;
            /**
             * Format: int64
             * @description The one that answers, and those that it has tunnels with.
             */
            reached: number;
        };
        GatewayList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Gateway"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Group: {
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description What the group is for. */
            description?: string;
            /** @description The groups in it: their members are its members, too. No group may lie within itself. */
            groups?: string[] | null;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description The users in it. */
            members?: string[] | null;
            /**
             * @description The name for people, unique.
             * @example Staff
             */
            name: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        GroupCounts: {
            /**
             * Format: int64
             * @description Those of them that answer probes.
             */
            active: number;
            /**
             * Format: int64
             * @description Its applications.
             */
            applications: number;
            /**
             * Format: int64
             * @description Its connectors, without the archived ones.
             */
            connectors: number;
            /** @description The connector group. */
            id: string;
        };
        GroupInput: {
            /** @description What the group is for. */
            description?: string;
            /** @description The groups in it: their members are its members, too. No group may lie within itself. */
            groups?: string[] | null;
            /** @description The users in it. */
            members?: string[] | null;
            /**
             * @description The name for people, unique.
             * @example Staff
             */
            name: string;
        };
        GroupList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Group"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        GroupPatch: {
            /** @description What the group is for. */
            description?: string | null;
            /** @description The groups in it: their members are its members, too. No group may lie within itself. */
            groups?: string[] | null;
            /** @description The users in it. */
            members?: string[] | null;
            /**
             * @description The name for people, unique.
             * @example Staff
             */
            name?: string | null;
        };
        HeadRoom: {
            /**
             * Format: double
             * @description How much of its narrowest resource is left, from 0 to 1, of what was used for long.
             */
            left: number;
            /**
             * @description Which resource that is.
             * @enum {string}
             */
            narrowest: "cpu" | "memory" | "streams" | "ports" | "handles";
            /** @description All that it may run short of. */
            resources: components["schemas"]["Resource"][] | null;
            /**
             * Format: int64
             * @description Over how many seconds that was measured; alerts come of 5 minutes only.
             */
            window: number;
        };
        Health: {
            /** @description Each thing that was looked at. */
            checks: components["schemas"]["HealthCheck"][] | null;
            /** @description What is wrong or will be, the most urgent first. */
            findings: components["schemas"]["Finding"][] | null;
            /** @description Whether every check is good and nothing is found that does not work now. */
            healthy: boolean;
        };
        HealthCheck: {
            /** @description What is wrong. */
            error?: string;
            /** @description Whether it is good. */
            healthy: boolean;
            /** @description What was looked at. */
            name: string;
        };
        HistoryEntry: {
            /**
             * @description What was done.
             * @example application.update
             */
            action: string;
            /** @description Who did it. */
            actor: components["schemas"]["AuditActor"];
            /** @description The fields that changed; of the oldest version that is known, all. */
            fields: components["schemas"]["FieldChange"][] | null;
            /**
             * Format: date-time
             * @description When it was; absent of what was so from the beginning.
             */
            time?: string;
            /**
             * Format: int64
             * @description The object's version that this made.
             */
            version: number;
        };
        HistoryEntryList: {
            /** @description The objects of this page. */
            items: components["schemas"]["HistoryEntry"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Kept: {
            /**
             * @description What says so: a flag at the start of the service, what is set here, or nothing.
             * @enum {string}
             */
            by: "flag" | "setting" | "usual";
            /**
             * Format: int64
             * @description Up to which size.
             */
            bytes?: number;
            /**
             * @description Which flag of postern serve.
             * @example audit-retention
             */
            flag?: string;
            /** @description There is no such log. */
            off?: boolean;
            /**
             * Format: int64
             * @description How long.
             */
            seconds?: number;
        };
        Key: {
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description Until when it is good; for ever if left out.
             */
            expires?: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last used, to the minute; absent when never.
             */
            lastUsed?: string;
            /**
             * @description What it is for.
             * @example backup job
             */
            name: string;
            /** @description What it may do. */
            roles: string[] | null;
            /** @description Narrow what the roles allow: read-only, a noun such as application, or one action such as application.update. Left out: all that the roles allow. */
            scopes?: string[] | null;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        KeyCreated: {
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description Until when it is good; for ever if left out.
             */
            expires?: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was last used, to the minute; absent when never.
             */
            lastUsed?: string;
            /**
             * @description What it is for.
             * @example backup job
             */
            name: string;
            /** @description What it may do. */
            roles: string[] | null;
            /** @description Narrow what the roles allow: read-only, a noun such as application, or one action such as application.update. Left out: all that the roles allow. */
            scopes?: string[] | null;
            /** @description What to send as Authorization: Bearer. It is shown once and kept nowhere. */
            secret: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        KeyInput: {
            /**
             * Format: date-time
             * @description Until when it is good; for ever if left out.
             */
            expires?: string;
            /**
             * @description What it is for.
             * @example backup job
             */
            name: string;
            /** @description What it may do. */
            roles: string[] | null;
            /** @description Narrow what the roles allow: read-only, a noun such as application, or one action such as application.update. Left out: all that the roles allow. */
            scopes?: string[] | null;
        };
        KeyList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Key"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Me: {
            /** @description The user or the API key. */
            id: string;
            /**
             * @description What sort of party it is.
             * @enum {string}
             */
            kind: "user" | "api-key";
            /** @description Its name. */
            name: string;
            /** @description What it may do. */
            roles: string[] | null;
            /** @description What narrows the roles of an API key; absent when nothing does. */
            scopes?: string[] | null;
        };
        PasswordInput: {
            /** @description The new password. The user's sessions end. */
            password: string;
        };
        Plan: {
            /** @description Every object that differs; empty when nothing is to be done. */
            changes: components["schemas"]["PlannedChange"][] | null;
            /** @description Names exactly these changes, for the request that makes them. */
            digest: string;
        };
        PlanRequest: {
            /** @description The configuration that is wanted. */
            document: components["schemas"]["Document"];
            /** @description Delete what is not named in those lists that the document has. */
            prune?: boolean;
        };
        PlannedChange: {
            /**
             * @description What is done.
             * @example application.update
             */
            action: string;
            /** @description The fields that differ, in the order of the object's fields. */
            fields: components["schemas"]["FieldChange"][] | null;
            /** @description To which object. */
            name: string;
        };
        Policy: {
            /** @description It is for every application; otherwise for those named. */
            allApplications?: boolean;
            /** @description Networks, such as 192.0.2.0/24, of which the client must be in one; empty for anywhere. */
            allowedNetworks?: string[] | null;
            /** @description The applications that it is for. */
            applications?: string[] | null;
            /** @description Networks of which the client must be in none. */
            blockedNetworks?: string[] | null;
            /**
             * @description Least versions of the client on the enrolled device, such as 1.4.0, or windows=1.4.0 for one operating system; empty for any, and for no device.
             * @example [
             *       "1.4.0"
             *     ]
             */
            clientVersions?: string[] | null;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description What the policy is for. */
            description?: string;
            /** @description They must come by postern-client from an enrolled device. A browser is none, so web applications are out of reach. */
            deviceEnrolled?: boolean;
            /**
             * @description Operating systems, linux, windows or darwin, of which the enrolled device must have one; empty for any, and for no device.
             * @example [
             *       "linux",
             *       "darwin"
             *     ]
             */
            deviceSystems?: string[] | null;
            /** @description It is for everybody; otherwise for the users and groups named. */
            everyone?: boolean;
            /** @description Groups whom it is not for, with those within them. */
            exceptGroups?: string[] | null;
            /** @description Users whom it is not for, whatever else names them. */
            exceptUsers?: string[] | null;
            /** @description Groups whom it is for, with those within them. */
            groups?: string[] | null;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * @description How long ago the last proof may be, such as 30m or 12h; empty for any time.
             * @example 12h
             */
            maxAge?: string;
            /**
             * @description What becomes of a request that does not meet it: denied, or allowed and told of in its record; off is as if it were not there. enforce if left out.
             * @enum {string}
             */
            mode?: "enforce" | "report-only" | "off";
            /**
             * @description The name for people, unique.
             * @example Second factor for staff
             */
            name: string;
            /**
             * @description How well people must have proven who they are, at least; empty for any way.
             * @enum {string}
             */
            strength?: "" | "single-factor" | "multi-factor" | "phishing-resistant";
            /** @description A later version of Postern wrote a condition that this one does not know: nobody meets it. */
            unknown?: boolean;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /** @description Users whom it is for. */
            users?: string[] | null;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
            /**
             * @description Times of the week, one of which must be open: days, times and a time zone; empty for always.
             * @example [
             *       "mon-fri 08:00-18:00 Europe/Berlin"
             *     ]
             */
            windows?: string[] | null;
        };
        PolicyInput: {
            /** @description It is for every application; otherwise for those named. */
            allApplications?: boolean;
            /** @description Networks, such as 192.0.2.0/24, of which the client must be in one; empty for anywhere. */
            allowedNetworks?: string[] | null;
            /** @description The applications that it is for. */
            applications?: string[] | null;
            /** @description Networks of which the client must be in none. */
            blockedNetworks?: string[] | null;
            /**
             * @description Least versions of the client on the enrolled device, such as 1.4.0, or windows=1.4.0 for one operating system; empty for any, and for no device.
             * @example [
             *       "1.4.0"
             *     ]
             */
            clientVersions?: string[] | null;
            /** @description What the policy is for. */
            description?: string;
            /** @description They must come by postern-client from an enrolled device. A browser is none, so web applications are out of reach. */
            deviceEnrolled?: boolean;
            /**
             * @description Operating systems, linux, windows or darwin, of which the enrolled device must have one; empty for any, and for no device.
             * @example [
             *       "linux",
             *       "darwin"
             *     ]
             */
            deviceSystems?: string[] | null;
            /** @description It is for everybody; otherwise for the users and groups named. */
            everyone?: boolean;
            /** @description Groups whom it is not for, with those within them. */
            exceptGroups?: string[] | null;
            /** @description Users whom it is not for, whatever else names them. */
            exceptUsers?: string[] | null;
            /** @description Groups whom it is for, with those within them. */
            groups?: string[] | null;
            /**
             * @description How long ago the last proof may be, such as 30m or 12h; empty for any time.
             * @example 12h
             */
            maxAge?: string;
            /**
             * @description What becomes of a request that does not meet it: denied, or allowed and told of in its record; off is as if it were not there. enforce if left out.
             * @enum {string}
             */
            mode?: "enforce" | "report-only" | "off";
            /**
             * @description The name for people, unique.
             * @example Second factor for staff
             */
            name: string;
            /**
             * @description How well people must have proven who they are, at least; empty for any way.
             * @enum {string}
             */
            strength?: "" | "single-factor" | "multi-factor" | "phishing-resistant";
            /** @description Users whom it is for. */
            users?: string[] | null;
            /**
             * @description Times of the week, one of which must be open: days, times and a time zone; empty for always.
             * @example [
             *       "mon-fri 08:00-18:00 Europe/Berlin"
             *     ]
             */
            windows?: string[] | null;
        };
        PolicyList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Policy"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        PolicyPatch: {
            /** @description It is for every application; otherwise for those named. */
            allApplications?: boolean | null;
            /** @description Networks, such as 192.0.2.0/24, of which the client must be in one; empty for anywhere. */
            allowedNetworks?: string[] | null;
            /** @description The applications that it is for. */
            applications?: string[] | null;
            /** @description Networks of which the client must be in none. */
            blockedNetworks?: string[] | null;
            /**
             * @description Least versions of the client on the enrolled device, such as 1.4.0, or windows=1.4.0 for one operating system; empty for any, and for no device.
             * @example [
             *       "1.4.0"
             *     ]
             */
            clientVersions?: string[] | null;
            /** @description What the policy is for. */
            description?: string | null;
            /** @description They must come by postern-client from an enrolled device. A browser is none, so web applications are out of reach. */
            deviceEnrolled?: boolean | null;
            /**
             * @description Operating systems, linux, windows or darwin, of which the enrolled device must have one; empty for any, and for no device.
             * @example [
             *       "linux",
             *       "darwin"
             *     ]
             */
            deviceSystems?: string[] | null;
            /** @description It is for everybody; otherwise for the users and groups named. */
            everyone?: boolean | null;
            /** @description Groups whom it is not for, with those within them. */
            exceptGroups?: string[] | null;
            /** @description Users whom it is not for, whatever else names them. */
            exceptUsers?: string[] | null;
            /** @description Groups whom it is for, with those within them. */
            groups?: string[] | null;
            /**
             * @description How long ago the last proof may be, such as 30m or 12h; empty for any time.
             * @example 12h
             */
            maxAge?: string | null;
            /**
             * @description What becomes of a request that does not meet it: denied, or allowed and told of in its record; off is as if it were not there. enforce if left out.
             * @enum {string|null}
             */
            mode?: "enforce" | "report-only" | "off" | null;
            /**
             * @description The name for people, unique.
             * @example Second factor for staff
             */
            name?: string | null;
            /**
             * @description How well people must have proven who they are, at least; empty for any way.
             * @enum {string|null}
             */
            strength?: "" | "single-factor" | "multi-factor" | "phishing-resistant" | null;
            /** @description Users whom it is for. */
            users?: string[] | null;
            /**
             * @description Times of the week, one of which must be open: days, times and a time zone; empty for always.
             * @example [
             *       "mon-fri 08:00-18:00 Europe/Berlin"
             *     ]
             */
            windows?: string[] | null;
        };
        Problem: {
            /** @description What went wrong, in a sentence for a person. */
            detail?: string;
            /** @description Every field that is wrong. */
            fields?: components["schemas"]["ProblemField"][] | null;
            /** @description Finds the same event in the logs of the service. */
            reference?: string;
            /**
             * Format: int64
             * @description The HTTP status.
             */
            status: number;
            /** @description The status in words. */
            title: string;
            /**
             * @description The kind of error, stable: postern: and a word.
             * @example postern:invalid
             */
            type: string;
        };
        ProblemField: {
            /** @description What is wrong with it. */
            message: string;
            /** @description The JSON path, or the name of the header or parameter. */
            name: string;
        };
        RequestAnswer: {
            /** @description Its id. */
            id: string;
            /** @description Its name at that time. */
            name: string;
        };
        Resource: {
            /**
             * Format: double
             * @description How much it has: control groups, and what others on its machine have, are reckoned with.
             */
            limit: number;
            /**
             * @description Processors; bytes of memory; streams at once; ports of its own towards the application that takes most; open files and sockets.
             * @enum {string}
             */
            name: "cpu" | "memory" | "streams" | "ports" | "handles";
            /**
             * Format: double
             * @description How much it used at most for all but a twentieth of the window (95th percentile).
             */
            sustained: number;
            /**
             * Format: double
             * @description How much it used at its last look.
             */
            used: number;
        };
        Retention: {
            /**
             * Format: int64
             * @description How many days the audit log is kept, from 30 to 3650; 400 is usual.
             * @example 400
             */
            auditDays?: number;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description What is in force at the service that answers: a flag given at its start wins over what is set here. */
            inForce: components["schemas"]["RetentionInForce"];
            /**
             * Format: int64
             * @description How many days the sign-in log is kept, from 1 to 3650; 90 is usual.
             * @example 90
             */
            signInDays?: number;
            /**
             * Format: int64
             * @description How many bytes each gateway's traffic log may have, from 1 MiB to 1 PiB; 10 GiB is usual. The oldest goes first.
             * @example 10737418240
             */
            trafficBytes?: number;
            /**
             * Format: int64
             * @description How many days each gateway keeps its traffic log, from 1 to 3650; 30 is usual.
             * @example 30
             */
            trafficDays?: number;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        RetentionInForce: {
            /** @description The audit log. */
            audit: components["schemas"]["Kept"];
            /** @description The sign-in log. */
            signIns: components["schemas"]["Kept"];
            /** @description The traffic log. */
            traffic: components["schemas"]["Kept"];
            /** @description The size of the traffic log. */
            trafficSize: components["schemas"]["Kept"];
        };
        RetentionInput: {
            /**
             * Format: int64
             * @description How many days the audit log is kept, from 30 to 3650; 400 is usual.
             * @example 400
             */
            auditDays?: number;
            /**
             * Format: int64
             * @description How many days the sign-in log is kept, from 1 to 3650; 90 is usual.
             * @example 90
             */
            signInDays?: number;
            /**
             * Format: int64
             * @description How many bytes each gateway's traffic log may have, from 1 MiB to 1 PiB; 10 GiB is usual. The oldest goes first.
             * @example 10737418240
             */
            trafficBytes?: number;
            /**
             * Format: int64
             * @description How many days each gateway keeps its traffic log, from 1 to 3650; 30 is usual.
             * @example 30
             */
            trafficDays?: number;
        };
        RetentionPatch: {
            /**
             * Format: int64
             * @description How many days the audit log is kept, from 30 to 3650; 400 is usual.
             * @example 400
             */
            auditDays?: number | null;
            /**
             * Format: int64
             * @description How many days the sign-in log is kept, from 1 to 3650; 90 is usual.
             * @example 90
             */
            signInDays?: number | null;
            /**
             * Format: int64
             * @description How many bytes each gateway's traffic log may have, from 1 MiB to 1 PiB; 10 GiB is usual. The oldest goes first.
             * @example 10737418240
             */
            trafficBytes?: number | null;
            /**
             * Format: int64
             * @description How many days each gateway keeps its traffic log, from 1 to 3650; 30 is usual.
             * @example 30
             */
            trafficDays?: number | null;
        };
        Rollout: {
            /**
             * Format: int64
             * @description How many connectors have no tunnel: they get what is in force when they come.
             */
            away: number;
            /** @description The connectors that have a tunnel. Of each only what is meant for it counts. */
            connectors: components["schemas"]["RolloutParties"];
            /** @description The gateways that run. */
            gateways: components["schemas"]["RolloutParties"];
            /**
             * Format: int64
             * @description The last change that was made.
             */
            newest: number;
            /**
             * Format: int64
             * @description How many of these connectors have not said it, neither to this service nor to another one that answers.
             */
            unknown: number;
        };
        RolloutLate: {
            /** @description Its id. */
            id: string;
            /** @description The connector's name, or the gateway's address. */
            name: string;
        };
        RolloutParties: {
            /**
             * Format: int64
             * @description How many there are.
             */
            all: number;
            /** @description Those that do not run it yet, at most 100 of them. */
            late: components["schemas"]["RolloutLate"][] | null;
            /**
             * Format: int64
             * @description How many more there are of those.
             */
            more?: number;
        };
        SecretInput: {
            /** @description The new secret; empty removes it. */
            secret: string;
        };
        Segment: {
            /**
             * @description A name (db.corp.example), all names below a domain (*.corp.example), a domain and all names below it (.corp.example), an address, a CIDR prefix, or two addresses with - between.
             * @example db.corp.example
             */
            destination: string;
            /**
             * @description Ports and ranges of ports, with commas between.
             * @example 22,80-90
             */
            ports: string;
            /**
             * @description The transport protocols.
             * @default tcp
             * @enum {string}
             */
            protocol: "tcp" | "udp" | "both";
        };
        SegmentChange: {
            /**
             * @description One of them.
             * @example 10.1.2.3:443/tcp
             */
            example: string;
            /** @description Whose they are; absent for nobody's. */
            from?: components["schemas"]["SegmentOwner"];
            /**
             * Format: int64
             * @description How many could use them who may not now.
             */
            gainingCount: number;
            /** @description Sign-in names of those who may use them by assignment and could not any more; the first 50. */
            losing: string[] | null;
            /**
             * Format: int64
             * @description How many those are in all.
             */
            losingCount: number;
            /** @description Whose they would be; absent for nobody's. */
            to?: components["schemas"]["SegmentOwner"];
        };
        SegmentOwner: {
            /** @description Its id. */
            application: string;
            /** @description Its name. */
            name: string;
            /**
             * @description The segment that wins there.
             * @example 10.0.0.0/8:443/tcp
             */
            segment: string;
        };
        SegmentPreview: {
            /** @description Destinations that would belong to another application, or to none, with one example each. */
            changes: components["schemas"]["SegmentChange"][] | null;
            /** @description Parts of the application's own segments that others keep, since theirs are narrower or come first. */
            covered: components["schemas"]["SegmentChange"][] | null;
            /**
             * Format: int64
             * @description How many such changes are not listed.
             */
            more: number;
        };
        SegmentTrial: {
            /** @description The id of the application that would be changed or removed; absent for a new one. */
            application?: string;
            /**
             * @description Whether it comes after all others (quick-access).
             * @default private
             * @enum {string}
             */
            kind: "private" | "quick-access";
            /** @description What to call it in the answer. */
            name?: string;
            /** @description It would be deleted. */
            remove?: boolean;
            /** @description All that it would have. */
            segments?: components["schemas"]["Segment"][] | null;
        };
        Series: {
            /**
             * Format: date-time
             * @description The beginning of the first step.
             */
            from: string;
            /** @description The steps of which something is known, the oldest first. A step that is missing is a gap: nobody knows. */
            points: components["schemas"]["SeriesPoint"][] | null;
            /**
             * Format: int64
             * @description How long a step is, in seconds.
             */
            step: number;
            /**
             * Format: date-time
             * @description Until when.
             */
            to: string;
        };
        SeriesConnector: {
            /**
             * Format: double
             * @description How many days its certificate was good for, of a group the fewest.
             */
            certificate: number;
            /**
             * Format: double
             * @description How long it took to look up, connect and secure a connection to an application, on average, in milliseconds.
             */
            connect?: number;
            /**
             * Format: double
             * @description Processors that it used, on average.
             */
            cpu: number;
            /**
             * Format: int64
             * @description Attempts to make a tunnel that failed.
             */
            dialErrors: number;
            /**
             * Format: int64
             * @description Files and sockets that it had open, at the most.
             */
            handles?: number;
            /**
             * Format: double
             * @description How much of its narrowest resource was left at the worst look, from 0 to 1; of a group that of the connector that had least.
             */
            headRoom?: number;
            /**
             * Format: int64
             * @description Bytes of memory that it had, at the most.
             */
            memory?: number;
            /**
             * @description Which resource that was.
             * @enum {string}
             */
            narrowest?: "cpu" | "memory" | "streams" | "ports" | "handles";
            /**
             * Format: int64
             * @description Streams that gateways opened, questions included.
             */
            opened: number;
            /**
             * Format: int64
             * @description Bytes of its tunnels, from gateways.
             */
            received: number;
            /** @description Those by the code of the refusal. */
            refusals?: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Streams that it refused.
             */
            refused: number;
            /**
             * Format: double
             * @description How long it took to look up the name of an application, on average, in milliseconds.
             */
            resolve?: number;
            /**
             * Format: double
             * @description The round trip of its tunnels, on average, in milliseconds.
             */
            roundTrip?: number;
            /**
             * Format: int64
             * @description Bytes of its tunnels, to gateways.
             */
            sent: number;
            /**
             * Format: int64
             * @description Streams open to applications, at the most of the looks, one in 10 seconds.
             */
            streams: number;
            /**
             * Format: int64
             * @description Tunnels, at the fewest of the looks.
             */
            tunnels: number;
            /**
             * Format: int64
             * @description Tunnels that it lost.
             */
            tunnelsLost: number;
            /**
             * Format: int64
             * @description Tunnels that it made.
             */
            tunnelsMade: number;
        };
        SeriesPoint: {
            /** @description What the connector measured itself, of a group all its connectors together; absent if none did. */
            connector?: components["schemas"]["SeriesConnector"];
            /**
             * Format: int64
             * @description For how many seconds of the step a gateway counted requests.
             */
            counted?: number;
            /**
             * Format: int64
             * @description For how many seconds of the step the connector, or any of the group's, measured itself.
             */
            reported?: number;
            /** @description What gateways counted; absent if none did. */
            requests?: components["schemas"]["SeriesRequests"];
            /**
             * Format: date-time
             * @description When the step began.
             */
            time: string;
        };
        SeriesRequests: {
            /** @description Why requests failed on their way, by the codes of docs/troubleshooting.md. Those that an application answered with an error are not among them. */
            causes?: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Requests that ended in the step.
             */
            count: number;
            /**
             * Format: int64
             * @description Those of them that failed: with a status of 500 and more, of the application or our own, or without one.
             */
            errors: number;
            /** @description How long it took until the application answered; absent if nothing was answered. */
            firstByte?: components["schemas"]["SeriesTimes"];
            /**
             * Format: int64
             * @description Bytes of bodies that came from clients.
             */
            received: number;
            /**
             * Format: int64
             * @description Bytes of bodies that went to clients.
             */
            sent: number;
            /**
             * Format: int64
             * @description Those with a status from 400 to 499.
             */
            status4xx: number;
            /**
             * Format: int64
             * @description Those with a status of 500 and more.
             */
            status5xx: number;
            /**
             * Format: int64
             * @description Those that ended without a status.
             */
            unanswered: number;
            /**
             * Format: int64
             * @description How many were under way, at the most of the looks, one in a minute.
             */
            underWay: number;
            /**
             * Format: int64
             * @description How many users were active in the minute, at the most; of the service only.
             */
            users?: number;
        };
        SeriesTimes: {
            /**
             * Format: double
             * @description Milliseconds.
             */
            mean: number;
            /**
             * Format: double
             * @description Half of them took at most this.
             */
            p50: number;
            /**
             * Format: double
             * @description 95 of a hundred took at most this.
             */
            p95: number;
            /**
             * Format: double
             * @description 99 of a hundred took at most this.
             */
            p99: number;
        };
        Session: {
            /** @description The network address it was made from. */
            address: string;
            /**
             * Format: date-time
             * @description When that was.
             */
            authenticated: string;
            /**
             * Format: date-time
             * @description When it ends whatever happens.
             */
            expires: string;
            /** @description Names the session. */
            id: string;
            /**
             * @description Whether it is a browser's (portal) or a program's such as the command line.
             * @enum {string}
             */
            kind: "portal" | "program";
            /**
             * Format: date-time
             * @description When the session was last used.
             */
            lastUsed: string;
            /** @description How the user proved who they are: pwd a password, otp an authenticator app, pop a passkey, user that it verified its user, recovery a recovery code. */
            methods: string[] | null;
            /** @description What the program and its machine call themselves; absent for a browser. */
            name?: string;
            /** @description What the browser or the program calls itself. */
            userAgent: string;
        };
        SessionList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Session"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Setting: {
            /**
             * @description The flag.
             * @example url
             */
            name: string;
            /** @description It was given at the start, by the flag or its environment variable; else it is what is usual. */
            set: boolean;
            /**
             * @description What is in force; empty for none.
             * @example https://postern.example.com
             */
            value: string;
        };
        Settings: {
            /** @description The flags of postern serve, in the order of its help. */
            items: components["schemas"]["Setting"][] | null;
        };
        SetupDone: {
            /** @description The secret of the first API key. It is shown once and kept nowhere. */
            key: string;
        };
        SetupRequest: {
            /** @description The code of the one-time set-up link that the service prints when it starts. */
            code: string;
            /** @description The Owner's name for people. */
            displayName?: string;
            /** @description The Owner's e-mail address. */
            email?: string;
            /**
             * @description The sign-in name of the first Owner.
             * @example ada
             */
            name: string;
            /** @description The Owner's password. */
            password: string;
        };
        Shades: {
            /** @description Of buttons and links. */
            colour?: string;
            /** @description Of what the pointer is over. */
            deep?: string;
            /** @description Of what lies behind. */
            tint?: string;
        };
        SignIn: {
            /** @description The network address it came from. */
            address?: string;
            /** @description The application's id. */
            application?: string;
            /** @description The application's name at that time. */
            applicationName?: string;
            /** @description The program that was signed in, or the access key. */
            client?: string;
            /**
             * @description What was tried: to sign in, to confirm it once more, to be handed over to an application, to use one, to renew a program's tokens, to use a key; or a session that ended.
             * @enum {string}
             */
            event: "sign-in" | "confirm" | "hand-over" | "access" | "refresh" | "key" | "sign-out";
            /** @description The gateway that denied. */
            gateway?: string;
            /** @description Names the entry for ever. */
            id: string;
            /** @description The same in a sentence. */
            message?: string;
            /** @description The proofs that were good (RFC 8176): pwd, otp, pop, user, recovery, or what an upstream says. */
            methods: string[] | null;
            /** @description The policy that said no. */
            policy?: string;
            /**
             * @description Why it did not succeed, a stable word.
             * @example wrong-password
             */
            reason?: string;
            /** @description The policies that only report and would have said no. */
            reportOnly: string[] | null;
            /** @description The reference of the request. */
            request?: string;
            /**
             * @description What came of it: failure when who it is was not proven, denied when it was and the answer is no, interrupted when another proof is asked for.
             * @enum {string}
             */
            result: "success" | "failure" | "denied" | "interrupted";
            /** @description The session. */
            session?: string;
            /**
             * Format: date-time
             * @description When it was.
             */
            time: string;
            /**
             * Format: int64
             * @description How many entries before it had no room: strangers may not fill the log.
             */
            unrecorded?: number;
            /** @description The upstream that was asked; absent for a local account. */
            upstream?: string;
            /** @description Its name at that time. */
            upstreamName?: string;
            /** @description The user's id; absent for somebody unknown, whose name is not kept: it may be a password. */
            user?: string;
            /** @description What the browser or program calls itself. */
            userAgent?: string;
            /** @description The user's name at that time. */
            userName?: string;
        };
        SignInList: {
            /** @description The objects of this page. */
            items: components["schemas"]["SignIn"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        SigningKey: {
            /**
             * Format: date-time
             * @description When it begins to sign; absent for a service's first key.
             */
            from?: string;
            /** @description Names the key; not a secret. */
            id: string;
            /**
             * Format: date-time
             * @description Until when what it signed is good; absent while no end is known.
             */
            until?: string;
            /**
             * @description What it signs.
             * @enum {string}
             */
            use: "grants" | "sessions" | "id-tokens";
        };
        SigningKeyInput: {
            /**
             * @description What the key signs: grants for connectors, cookies of sessions, or ID tokens of programs.
             * @enum {string}
             */
            use: "grants" | "sessions" | "id-tokens";
        };
        Summary: {
            /** @description Applications. */
            applications: components["schemas"]["ApplicationCounts"];
            /**
             * Format: int64
             * @description Assignments that have not ended.
             */
            assignments: number;
            /**
             * Format: int64
             * @description How many connector groups have an active connector.
             */
            carrying: number;
            /** @description Each connector group. */
            connectorGroups: components["schemas"]["GroupCounts"][] | null;
            /** @description Connectors, without the archived ones. */
            connectors: components["schemas"]["ConnectorCounts"];
            /** @description Gateways that run. */
            gateways: components["schemas"]["GatewayCounts"];
        };
        Token: {
            /** @description The group that the connector will be in. */
            connectorGroup: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description Until when it may be used.
             */
            expires: string;
            /** @description Whoever enrols with it waits for an administrator's approval. */
            hold?: boolean;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description What it is for. */
            name: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: date-time
             * @description When it was used; absent while it was not.
             */
            used?: string;
            /** @description The connector that used it. */
            usedBy?: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        TokenCreated: {
            /** @description The group that the connector will be in. */
            connectorGroup: string;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /**
             * Format: date-time
             * @description Until when it may be used.
             */
            expires: string;
            /** @description Whoever enrols with it waits for an administrator's approval. */
            hold?: boolean;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /** @description What it is for. */
            name: string;
            /** @description What the connector is given. It is shown once and kept nowhere. */
            text: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: date-time
             * @description When it was used; absent while it was not.
             */
            used?: string;
            /** @description The connector that used it. */
            usedBy?: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        TokenInput: {
            /** @description The group that the connector will be in; the default group if left out. */
            connectorGroup?: string;
            /**
             * Format: date-time
             * @description Until when it may be used, at most 30 days ahead; in an hour if left out.
             */
            expires?: string;
            /** @description Whoever enrols with it waits for an administrator's approval, at most 7 days. */
            hold?: boolean;
            /**
             * @description What it is for.
             * @example hq-2
             */
            name: string;
        };
        TokenList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Token"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        Traffic: {
            /** @description allow or deny. */
            action?: string;
            /** @description The application's id. */
            application?: string;
            /** @description Its name at that time. */
            applicationName?: string;
            /** @description The policy that would have denied anybody but a break-glass user. */
            breakGlass?: string;
            /** @description The client's address and port; of a summary its network. */
            client?: string;
            /** @description Whether the reply was sent to its end. */
            complete: boolean;
            /** @description Its condition that was not met. */
            condition?: string;
            /** @description The id of the connector that carried it. */
            connector?: string;
            /** @description The name of its group at that time. */
            connectorGroup?: string;
            /** @description Its name at that time. */
            connectorName?: string;
            /**
             * Format: int64
             * @description How many requests this tells of: 1, or more for a summary of what was not carried.
             */
            count: number;
            /** @description Where the application is in the private network, host and port. */
            destination?: string;
            /** @description The id of the device that it came from, of a flow. */
            device?: string;
            /** @description The device's name at that time. */
            deviceName?: string;
            /**
             * Format: double
             * @description How long it took to its end, in milliseconds.
             */
            duration: number;
            /**
             * Format: double
             * @description When the backend's reply began, in milliseconds since the request.
             */
            firstByte?: number;
            /** @description The gateway that took it. */
            gateway?: string;
            /** @description The hop that failed: you, service, gateway, connector or backend. */
            hop?: string;
            /** @description The host that it asked. */
            host?: string;
            /** @description Names the record for ever: its log and its place there. */
            id: string;
            /** @description Its method. */
            method?: string;
            /**
             * Format: double
             * @description How long it took to reach the backend, in milliseconds; absent on a kept connection.
             */
            open?: number;
            /**
             * @description What became of it: a backend's reply was begun; it was answered with no; something on the way did not work; Postern answered itself. unrecorded: there was no room to note so many.
             * @enum {string}
             */
            outcome: "forwarded" | "refused" | "failed" | "served" | "unrecorded";
            /** @description The path, without the query, which may hold secrets. */
            path?: string;
            /** @description The policy that said no. */
            policy?: string;
            /** @description The program on the device that wanted the flow, as the device says; absent where that is not known. */
            process?: string;
            /** @description The protocol that it came by. */
            protocol?: string;
            /** @description Why it was denied or failed, a stable word. */
            reason?: string;
            /**
             * Format: int64
             * @description Bytes of the body from the client.
             */
            received: number;
            /** @description The policies that only report and would have said no. */
            reportOnly?: string[] | null;
            /** @description The reference that error pages show. Of a summary: that of the first. */
            request: string;
            /**
             * @description The segment of the application by which the flow was its, of a flow.
             * @example 10.20.0.0/16:22/tcp
             */
            segment?: string;
            /**
             * Format: int64
             * @description Bytes of the body to the client.
             */
            sent: number;
            /** @description The session. */
            session?: string;
            /**
             * Format: int64
             * @description The status of the reply.
             */
            status?: number;
            /**
             * Format: date-time
             * @description When the request came.
             */
            time: string;
            /** @description The user's id. */
            user?: string;
            /** @description What the browser or program calls itself. */
            userAgent?: string;
            /** @description The user's name at that time. */
            userName?: string;
            /** @description The gateway that holds the connector's tunnel, if it is another one. */
            via?: string;
        };
        TrafficIncomplete: {
            /** @description The address that it advertises. */
            address: string;
            /** @description Its id. */
            gateway: string;
            /** @description Why, in a sentence. */
            why: string;
        };
        TrafficPage: {
            /** @description The gateways whose records are missing, or are not kept at the moment. */
            incomplete: components["schemas"]["TrafficIncomplete"][] | null;
            /** @description The newest first, by when they ended. May be fewer than asked for, or none, though there is a next page. */
            items: components["schemas"]["Traffic"][] | null;
            /** @description Cursor of the next page; absent at the end. */
            next?: string;
        };
        TrialAnswer: {
            /** @description Why there was no answer. */
            error?: string;
            /** @description Where it leads on to. Nobody went there. */
            location?: string;
            /** @description Such as HTTP/1.1. */
            protocol?: string;
            /** @description What it says it is. */
            server?: string;
            /**
             * Format: int64
             * @description The status; absent without an answer.
             */
            status?: number;
            /**
             * Format: double
             * @description How long the answer took to begin, in milliseconds.
             */
            took: number;
        };
        TrialCertificate: {
            /** @description Why not, in a stable word. */
            code?: string;
            /** @description Who made it. */
            issuer: string;
            /** @description The host names and addresses that it is for. */
            names?: string[] | null;
            /**
             * Format: date-time
             * @description Until when it is good.
             */
            notAfter: string;
            /**
             * Format: date-time
             * @description From when it is good.
             */
            notBefore: string;
            /** @description Why not, in a sentence. */
            problem?: string;
            /** @description Its fingerprint, in lower-case hex. */
            sha256: string;
            /** @description Whose it says it is. */
            subject: string;
            /** @description The version of TLS that was agreed on. */
            tls?: string;
            /** @description The connector trusts it for this name. */
            trusted: boolean;
        };
        UndoInput: {
            /**
             * Format: int64
             * @description The version; the one before the current if left out.
             */
            to?: number;
        };
        Unreached: {
            /** @description Which. */
            application: string;
            /** @description Why, in a stable word; docs/troubleshooting.md has them. */
            code: string;
            /** @description Why, in a sentence of the connector. */
            message: string;
            /** @description Its name, while there is such an application. */
            name?: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            since: string;
        };
        Upstream: {
            /** @description What the provider must be told about this service. */
            addresses: components["schemas"]["UpstreamAddresses"];
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description The sign-in page leads there at once. One upstream may be it; not of kind ldap. */
            default?: boolean;
            /** @description Nobody may sign in by it; sessions that came from it end. */
            disabled?: boolean;
            /**
             * @description Of kind ldap: it serves the sign-in names that end so; if left out, every name that is nobody else's.
             * @example [
             *       "example.com"
             *     ]
             */
            domains?: string[] | null;
            /** @description A secret is stored. */
            hasSecret: boolean;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * @description The protocol that it speaks; stays what it is.
             * @enum {string}
             */
            kind: "oidc" | "ldap" | "saml";
            /** @description Of kind ldap: how to reach the directory, and where in it the users are. */
            ldap?: components["schemas"]["UpstreamLDAP"];
            /** @description What becomes here of what it says about somebody. */
            mapping?: components["schemas"]["UpstreamMapping"];
            /**
             * @description The name for people, unique; who signs in reads it.
             * @example Example Corp
             */
            name: string;
            /** @description Of kind oidc: how to reach the provider. */
            oidc?: components["schemas"]["UpstreamOIDC"];
            /** @description Nobody new: only users that were linked to it before. */
            onlyKnown?: boolean;
            /** @description Of kind saml: how to reach the provider. */
            saml?: components["schemas"]["UpstreamSAML"];
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        UpstreamAddresses: {
            /** @description Where the provider tells of ended sessions. */
            backChannelLogout?: string;
            /**
             * @description The redirect URI, or the assertion consumer service.
             * @example https://apps.example.com/upstreams/ups_…/callback
             */
            callback?: string;
            /** @description The same, through the browser. */
            frontChannelLogout?: string;
            /** @description Of kind saml: our own metadata. */
            metadata?: string;
        };
        UpstreamCheck: {
            /** @description What is wrong. */
            reason?: string;
            /** @description It answers, and what it says fits the settings. */
            works: boolean;
        };
        UpstreamCreate: {
            /** @description The sign-in page leads there at once. One upstream may be it; not of kind ldap. */
            default?: boolean;
            /** @description Nobody may sign in by it; sessions that came from it end. */
            disabled?: boolean;
            /**
             * @description Of kind ldap: it serves the sign-in names that end so; if left out, every name that is nobody else's.
             * @example [
             *       "example.com"
             *     ]
             */
            domains?: string[] | null;
            /**
             * @description The protocol that it speaks; stays what it is.
             * @enum {string}
             */
            kind: "oidc" | "ldap" | "saml";
            /** @description Of kind ldap: how to reach the directory, and where in it the users are. */
            ldap?: components["schemas"]["UpstreamLDAP"];
            /** @description What becomes here of what it says about somebody. */
            mapping?: components["schemas"]["UpstreamMapping"];
            /**
             * @description The name for people, unique; who signs in reads it.
             * @example Example Corp
             */
            name: string;
            /** @description Of kind oidc: how to reach the provider. */
            oidc?: components["schemas"]["UpstreamOIDC"];
            /** @description Nobody new: only users that were linked to it before. */
            onlyKnown?: boolean;
            /** @description Of kind saml: how to reach the provider. */
            saml?: components["schemas"]["UpstreamSAML"];
            /** @description The client secret, the password of ldap.bindDn, or the PEM private key. It is sealed and never given back. */
            secret?: string;
        };
        UpstreamGroup: {
            /**
             * @description The upstream's group as it names it; of a directory the distinguished name.
             * @example cn=staff,ou=groups,dc=example,dc=com
             */
            from: string;
            /** @description Our group. */
            to: string;
        };
        UpstreamInput: {
            /** @description The sign-in page leads there at once. One upstream may be it; not of kind ldap. */
            default?: boolean;
            /** @description Nobody may sign in by it; sessions that came from it end. */
            disabled?: boolean;
            /**
             * @description Of kind ldap: it serves the sign-in names that end so; if left out, every name that is nobody else's.
             * @example [
             *       "example.com"
             *     ]
             */
            domains?: string[] | null;
            /**
             * @description The protocol that it speaks; stays what it is.
             * @enum {string}
             */
            kind: "oidc" | "ldap" | "saml";
            /** @description Of kind ldap: how to reach the directory, and where in it the users are. */
            ldap?: components["schemas"]["UpstreamLDAP"];
            /** @description What becomes here of what it says about somebody. */
            mapping?: components["schemas"]["UpstreamMapping"];
            /**
             * @description The name for people, unique; who signs in reads it.
             * @example Example Corp
             */
            name: string;
            /** @description Of kind oidc: how to reach the provider. */
            oidc?: components["schemas"]["UpstreamOIDC"];
            /** @description Nobody new: only users that were linked to it before. */
            onlyKnown?: boolean;
            /** @description Of kind saml: how to reach the provider. */
            saml?: components["schemas"]["UpstreamSAML"];
        };
        UpstreamLDAP: {
            /** @description It is Active Directory. */
            activeDirectory?: boolean;
            /** @description The directory may be this very machine. */
            allowLoopback?: boolean;
            /** @description Send passwords unencrypted. A weakness that the audit log records. */
            allowPlain?: boolean;
            /** @description What to read beside the usual attributes and those that the mapping names. */
            attributes?: string[] | null;
            /**
             * @description Users are below this entry.
             * @example dc=example,dc=com
             */
            baseDn: string;
            /**
             * @description Who looks users up; anonymous if left out. Its password is the upstream's secret.
             * @example cn=postern,ou=services,dc=example,dc=com
             */
            bindDn?: string;
            /** @description PEM certificates that the servers' chains may end in, beside the system's. */
            ca?: string;
            /** @description Groups are below this entry; baseDn if left out. */
            groupBase?: string;
            /**
             * @description Finds the groups of a user by {dn} or {name}.
             * @example (member={dn})
             */
            groupFilter?: string;
            /** @description Groups of groups count too. */
            nestedGroups?: boolean;
            /** @description Encrypt ldap:// connections before anything is said. */
            startTls?: boolean;
            /** @description What of a user never changes; objectGUID or entryUUID if left out. */
            subjectAttribute?: string;
            /**
             * @description The servers, tried in turn.
             * @example [
             *       "ldaps://dc1.example.com"
             *     ]
             */
            urls: string[] | null;
            /**
             * @description Finds a user by {name}, as it was typed, or {account}, without its domain.
             * @example (uid={name})
             */
            userFilter?: string;
            /**
             * @description What comes before the backslash where people write WORKGROUP\name.
             * @example CORP
             */
            workgroup?: string;
        };
        UpstreamList: {
            /** @description The objects of this page. */
            items: components["schemas"]["Upstream"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        UpstreamMapping: {
            /**
             * @description The one that gives the display name.
             * @example name
             */
            displayName?: string;
            /**
             * @description The one that gives the e-mail address.
             * @example email
             */
            email?: string;
            /**
             * @description Lets in only who has a verified e-mail address in one of these domains.
             * @example [
             *       "example.com"
             *     ]
             */
            emailDomains?: string[] | null;
            /**
             * @description With groupsByName: only those whose name begins so.
             * @example postern-
             */
            groupPrefix?: string;
            /** @description Which of its groups make members of which of ours. */
            groups?: components["schemas"]["UpstreamGroup"][] | null;
            /** @description Its groups also make members of ours that have the same name. */
            groupsByName?: boolean;
            /**
             * @description The claim or attribute that gives the sign-in name; the usual ones if left out.
             * @example preferred_username
             */
            name?: string;
            /** @description Lets in only who fulfils all of these. */
            required?: components["schemas"]["UpstreamRequirement"][] | null;
        };
        UpstreamOIDC: {
            /** @description The provider is this very machine. */
            allowLoopback?: boolean;
            /** @description The provider may be at a private address. */
            allowPrivate?: boolean;
            /** @description PEM certificates that its chain may end in, beside the system's. */
            ca?: string;
            /**
             * @description What the provider calls this service.
             * @example postern
             */
            clientId: string;
            /**
             * @description Where the groups are; groups if left out.
             * @example groups
             */
            groupsClaim?: string;
            /**
             * @description The issuer, exactly as the provider states it; cannot be changed while it has users.
             * @example https://login.example.com/realms/main
             */
            issuer: string;
            /**
             * @description Of a provider that gives no refresh token: how long a session is good without its word, from 15m to 24h; 1h if left out. After 15 minutes the next page goes by the provider, without a question if it has none.
             * @example 1h
             */
            proofLife?: string;
            /** @description What to ask for beside openid; profile, email and, where the provider has it, offline_access if left out. */
            scopes?: string[] | null;
            /**
             * Format: date-time
             * @description When the provider will not take the client secret any more, as it says where the secret is made. Health tells 30 days ahead.
             */
            secretExpires?: string;
            /**
             * @description Which of its authentication contexts (acr) are more than one factor. It is asked for them where a policy wants that.
             * @example [
             *       "https://refeds.org/profile/mfa"
             *     ]
             */
            strongAcr?: string[] | null;
            /**
             * @description Which of its methods (amr) are more than one factor, beside those that RFC 8176 names.
             * @example [
             *       "duo"
             *     ]
             */
            strongAmr?: string[] | null;
        };
        UpstreamPatch: {
            /** @description The sign-in page leads there at once. One upstream may be it; not of kind ldap. */
            default?: boolean | null;
            /** @description Nobody may sign in by it; sessions that came from it end. */
            disabled?: boolean | null;
            /**
             * @description Of kind ldap: it serves the sign-in names that end so; if left out, every name that is nobody else's.
             * @example [
             *       "example.com"
             *     ]
             */
            domains?: string[] | null;
            /**
             * @description The protocol that it speaks; stays what it is.
             * @enum {string|null}
             */
            kind?: "oidc" | "ldap" | "saml" | null;
            /** @description Of kind ldap: how to reach the directory, and where in it the users are. */
            ldap?: components["schemas"]["UpstreamLDAP"];
            /** @description What becomes here of what it says about somebody. */
            mapping?: components["schemas"]["UpstreamMapping"];
            /**
             * @description The name for people, unique; who signs in reads it.
             * @example Example Corp
             */
            name?: string | null;
            /** @description Of kind oidc: how to reach the provider. */
            oidc?: components["schemas"]["UpstreamOIDC"];
            /** @description Nobody new: only users that were linked to it before. */
            onlyKnown?: boolean | null;
            /** @description Of kind saml: how to reach the provider. */
            saml?: components["schemas"]["UpstreamSAML"];
        };
        UpstreamRequirement: {
            /**
             * @description The claim or attribute.
             * @example tid
             */
            claim: string;
            /** @description One of these must be in it. */
            values: string[] | null;
        };
        UpstreamSAML: {
            /** @description The metadata is at this very machine. */
            allowLoopback?: boolean;
            /** @description The metadata may be at a private address. */
            allowPrivate?: boolean;
            /** @description PEM certificates that the chain of metadataUrl may end in, beside the system's. */
            ca?: string;
            /** @description What the provider calls this service; the address of our own metadata if left out. */
            entityId?: string;
            /** @description Where the groups are; groups if left out. */
            groupsAttribute?: string;
            /** @description Take answers that nobody asked for here, as from a page of the provider. */
            idpInitiated?: boolean;
            /** @description The provider's metadata, XML; either this or metadataUrl. */
            metadata?: string;
            /** @description PEM certificates of which one must have signed the metadata; if left out, it may be unsigned. */
            metadataSigner?: string;
            /**
             * @description Where to fetch it.
             * @example https://login.example.com/metadata
             */
            metadataUrl?: string;
            /**
             * @description How long a session is good without the provider's word, from 15m to 24h; 1h if left out. After 15 minutes the next page goes by the provider, without a question if it has none.
             * @example 1h
             */
            proofLife?: string;
            /** @description Sign requests with the private key that is the upstream's secret. */
            signRequests?: boolean;
            /**
             * @description Which authentication contexts are more than one factor. It is asked for them where a policy wants that.
             * @example [
             *       "https://refeds.org/profile/mfa"
             *     ]
             */
            strongContexts?: string[] | null;
            /** @description What of a user never changes; the NameID, which must then be persistent, if left out. */
            subjectAttribute?: string;
        };
        UpstreamStep: {
            /** @description What it is about. */
            what: string;
            /** @description What was found. */
            why: string;
        };
        UpstreamTest: {
            /** @description What the upstream would say: texts, numbers, true or false, or lists of texts. */
            claims?: {
                [key: string]: unknown;
            };
            /** @description The upstream's groups; those of its groups claim if left out. */
            groups?: string[] | null;
            /** @description Of kind ldap, instead: the name of somebody whom the directory is asked about. */
            user?: string;
        };
        UpstreamTested: {
            /** @description Whether they would be let in. */
            allowed: boolean;
            /** @description Of somebody whom a directory was asked about: what it said. */
            claims?: {
                [key: string]: unknown;
            };
            /** @description The display name. */
            displayName?: string;
            /** @description The e-mail address. */
            email?: string;
            /** @description The names of our groups that they would be a member of. */
            groups: string[] | null;
            /** @description The sign-in name. */
            name?: string;
            /** @description Why not. */
            reason?: string;
            /** @description How it came about. */
            steps: components["schemas"]["UpstreamStep"][] | null;
            /** @description What the directory calls them for ever. */
            subject?: string;
            /** @description The upstream's groups. */
            upstreamGroups: string[] | null;
            /** @description The user here that they are; absent if one would be made. */
            user?: string;
        };
        UpstreamTried: {
            /** @description Whether it can be used. */
            check: components["schemas"]["UpstreamCheck"];
            /** @description What would become of somebody; absent if nobody was asked about, or it cannot be asked. */
            tested?: components["schemas"]["UpstreamTested"];
        };
        UpstreamTry: {
            /** @description The stored upstream that it would change. Its secret is taken if none is given, unless it would be shown to another server. */
            of?: string;
            /** @description Somebody of whom to say what would become of them. */
            test?: components["schemas"]["UpstreamTest"];
            /** @description The upstream as it would be. */
            upstream: components["schemas"]["UpstreamCreate"];
        };
        User: {
            /** @description Policies do not hold for the user, and every use is told loudly. Only an Owner sets it, and changes such a user. */
            breakGlass?: boolean;
            /**
             * Format: date-time
             * @description When it was made, UTC.
             */
            created: string;
            /** @description May not sign in; what is open is cut. */
            disabled?: boolean;
            /** @description The name for people. */
            displayName?: string;
            /** @description The e-mail address. */
            email?: string;
            /** @description The kinds of second factor that the user has. */
            factors: ("totp" | "passkey")[] | null;
            /** @description The groups that the user is a member of; changed through the groups. */
            groups: string[] | null;
            /**
             * @description Names the object for ever.
             * @example app_0069vq3p7ykh4v0yqn6e6b1z2c
             */
            id: string;
            /**
             * Format: date-time
             * @description When the user last signed in; absent if never, or longer ago than the sign-in log is kept.
             */
            lastSignIn?: string;
            /**
             * @description The sign-in name: a-z, 0-9 and . _ - @ +, unique.
             * @example ada
             */
            name: string;
            /**
             * Format: date-time
             * @description When the password was set; absent when there is none.
             */
            passwordSet?: string;
            /** @description Let in only with a second factor; one who has none is led through adding one at the next sign-in. */
            requireSecondFactor?: boolean;
            /** @description What the user may administer; nothing if left out. */
            roles?: string[] | null;
            /** @description What that upstream calls the user for ever: sub, objectGUID, entryUUID or the like. */
            subject?: string;
            /**
             * Format: date-time
             * @description When it was last changed, UTC.
             */
            updated: string;
            /** @description The upstream where the user proves who they are, instead of having a password here. Changing it signs the user out. */
            upstream?: string;
            /**
             * Format: date-time
             * @description When the upstream said the last time that it does not let the user in any more; absent when it does.
             */
            upstreamRefused?: string;
            /**
             * Format: int64
             * @description Counts the changes of this object from 1; also its ETag. A change states the version it saw in If-Match.
             */
            version: number;
        };
        UserApplication: {
            /** @description Whether a request would be let through, by the user's latest session or else by the best sign-in that they can make; connectors are not asked. */
            allow: boolean;
            /** @description By which it is the user's. */
            assignments: components["schemas"]["UserAssignment"][] | null;
            /** @description Where it is opened. */
            externalUrl: string;
            /** @description The application. */
            id: string;
            /** @description What the user is told. */
            message?: string;
            /** @description Its name. */
            name: string;
            /** @description The stable word of the denial; absent when allowed. */
            reason?: string;
            /** @description The user gets through after signing in again with this strength. */
            stepUp?: string;
        };
        UserApplicationList: {
            /** @description The objects of this page. */
            items: components["schemas"]["UserApplication"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        UserAssignment: {
            /**
             * Format: date-time
             * @description When it ends; absent for never.
             */
            expires?: string;
            /** @description The group that it is assigned to; absent when it is to the user. */
            group?: string;
            /** @description The assignment. */
            id: string;
        };
        UserCreate: {
            /** @description Policies do not hold for the user, and every use is told loudly. Only an Owner sets it, and changes such a user. */
            breakGlass?: boolean;
            /** @description May not sign in; what is open is cut. */
            disabled?: boolean;
            /** @description The name for people. */
            displayName?: string;
            /** @description The e-mail address. */
            email?: string;
            /**
             * @description The sign-in name: a-z, 0-9 and . _ - @ +, unique.
             * @example ada
             */
            name: string;
            /** @description The password; without one the user cannot sign in with one. */
            password?: string;
            /** @description Let in only with a second factor; one who has none is led through adding one at the next sign-in. */
            requireSecondFactor?: boolean;
            /** @description What the user may administer; nothing if left out. */
            roles?: string[] | null;
            /** @description What that upstream calls the user for ever: sub, objectGUID, entryUUID or the like. */
            subject?: string;
            /** @description The upstream where the user proves who they are, instead of having a password here. Changing it signs the user out. */
            upstream?: string;
        };
        UserFactor: {
            /**
             * Format: date-time
             * @description When it was added.
             */
            added: string;
            /** @description Names it. */
            id: string;
            /**
             * @description An authenticator app (totp), or a passkey, which is good alone, too.
             * @enum {string}
             */
            kind: "totp" | "passkey";
            /**
             * Format: date-time
             * @description When it was last used; absent when never.
             */
            lastUsed?: string;
            /** @description What its user calls it. */
            name: string;
        };
        UserFactors: {
            /** @description What the user proves to have, in the order in which they were added. */
            factors: components["schemas"]["UserFactor"][] | null;
            /**
             * Format: int64
             * @description How many recovery codes are left.
             */
            recoveryCodes: number;
        };
        UserInput: {
            /** @description Policies do not hold for the user, and every use is told loudly. Only an Owner sets it, and changes such a user. */
            breakGlass?: boolean;
            /** @description May not sign in; what is open is cut. */
            disabled?: boolean;
            /** @description The name for people. */
            displayName?: string;
            /** @description The e-mail address. */
            email?: string;
            /**
             * @description The sign-in name: a-z, 0-9 and . _ - @ +, unique.
             * @example ada
             */
            name: string;
            /** @description Let in only with a second factor; one who has none is led through adding one at the next sign-in. */
            requireSecondFactor?: boolean;
            /** @description What the user may administer; nothing if left out. */
            roles?: string[] | null;
            /** @description What that upstream calls the user for ever: sub, objectGUID, entryUUID or the like. */
            subject?: string;
            /** @description The upstream where the user proves who they are, instead of having a password here. Changing it signs the user out. */
            upstream?: string;
        };
        UserLink: {
            /**
             * Format: date-time
             * @description When it is good no more.
             */
            expires: string;
            /**
             * @description Whether the user had no password, or had one.
             * @enum {string}
             */
            kind: "invitation" | "reset";
            /** @description The link. Whoever has it sets the user's password; it is not shown again. */
            url: string;
        };
        UserList: {
            /** @description The objects of this page. */
            items: components["schemas"]["User"][] | null;
            /** @description Cursor of the next page, for the parameter after; absent on the last page. */
            next?: string;
        };
        UserPatch: {
            /** @description Policies do not hold for the user, and every use is told loudly. Only an Owner sets it, and changes such a user. */
            breakGlass?: boolean | null;
            /** @description May not sign in; what is open is cut. */
            disabled?: boolean | null;
            /** @description The name for people. */
            displayName?: string | null;
            /** @description The e-mail address. */
            email?: string | null;
            /**
             * @description The sign-in name: a-z, 0-9 and . _ - @ +, unique.
             * @example ada
             */
            name?: string | null;
            /** @description Let in only with a second factor; one who has none is led through adding one at the next sign-in. */
            requireSecondFactor?: boolean | null;
            /** @description What the user may administer; nothing if left out. */
            roles?: string[] | null;
            /** @description What that upstream calls the user for ever: sub, objectGUID, entryUUID or the like. */
            subject?: string | null;
            /** @description The upstream where the user proves who they are, instead of having a password here. Changing it signs the user out. */
            upstream?: string | null;
        };
    };
    responses: {
        /** @description Precondition Failed */
        changed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Conflict */
        conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Forbidden */
        forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Gone */
        gone: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Internal Server Error */
        internal: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Unprocessable Entity */
        invalid: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too Many Requests */
        limited: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not Found */
        "not-found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Precondition Required */
        "precondition-required": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Gateway Timeout */
        timeout: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Request Entity Too Large */
        "too-large": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Unauthorized */
        unauthenticated: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Service Unavailable */
        unavailable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Bad Gateway */
        upstream: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAccessKeys: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those for this application. */
                application?: string;
                /** @description Only those of this user. */
                user?: string;
                /** @description Only those that have ended (true), or that have not (false). */
                expired?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessKeyList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showAccessKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessKey"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteAccessKey: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listAlerts: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only those that are so still (open), or all others (resolved). */
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listApplications: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only web applications, private ones, or the one Quick Access. */
                kind?: string;
                /** @description Only those of this connector group. */
                connectorGroup?: string;
                /** @description Only those that are disabled (true), or that are not (false). */
                disabled?: string;
                /** @description Only applications that ask for a sign-in, or that pass requests through. */
                preAuthentication?: string;
                /** @description Only applications that users may ask for (true), or may not (false). */
                requestable?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApplicationList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createApplication: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplicationInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    previewSegments: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SegmentTrial"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SegmentPreview"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    testApplication: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplicationTest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApplicationTested"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showApplication: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteApplication: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateApplication: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["ApplicationPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listApplicationConnectors: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApplicationConnectors"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listApplicationHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreApplication: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showApplicationSeries: {
        parameters: {
            query?: {
                /** @description Since when; an hour before to if left out. A week is kept. */
                from?: string;
                /** @description Until when; now if left out. */
                to?: string;
                /** @description How long a step is: a multiple of 1m, or of 10m where from is more than a day ago. Left out: what makes at most 180 steps. */
                step?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Series"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoApplication: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    applyConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplyRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listAssignments: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description The order: created, the oldest first, if left out; or -created. */
                sort?: string;
                /** @description Only assignments of this application. */
                application?: string;
                /** @description Only assignments to this user. */
                user?: string;
                /** @description Only assignments to this group. */
                group?: string;
                /** @description Only those that have ended (true), or that have not (false). */
                expired?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AssignmentList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createAssignment: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AssignmentInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Assignment"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showAssignment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Assignment"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteAssignment: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateAssignment: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["AssignmentPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Assignment"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listAssignmentHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreAssignment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Assignment"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoAssignment: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Assignment"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only what happened to this object. */
                object?: string;
                /** @description Only this action, such as application.create. */
                action?: string;
                /** @description Only what this user or API key did. */
                actor?: string;
                /** @description Only what was done, or refused. */
                outcome?: string;
                /** @description Only what the request with this reference did. */
                request?: string;
                /** @description Only what happened to an object whose name contains this, whatever its case. */
                search?: string;
                /** @description Only what happened at or after this time. */
                since?: string;
                /** @description Only what happened at or before this time. */
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showAuditChain: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditChain"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listAuditRecords: {
        parameters: {
            query?: {
                /** @description How many entries at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description Only those behind this place in the log; next of the answer before. */
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditRecordList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    verifyAudit: {
        parameters: {
            query?: {
                /** @description Entries that the log must still hold, as place:hash, separated by commas. */
                heads?: string;
                /** @description Go on where the answer before ended: its next. A long log takes several answers of some seconds each. */
                part?: string;
                /** @description How many entries at most are verified in this answer; as many as there is time for if left out. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditReport"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showAuthority: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authority"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    exchangeRoot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authority"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    finishExchange: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AuthorityFinish"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authority"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    rotateIssuing: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authority"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    takeBackup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/gzip": string;
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showBranding: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Branding"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateBranding: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["BrandingPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Branding"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listBrandingHistory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoBranding: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Branding"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listCertificates: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those that have ended (true), or that have not (false). */
                expired?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    putCertificate: {
        parameters: {
            query?: never;
            header?: {
                /** @description When there is one already: the ETag of the version that you saw, or * for any. */
                "If-Match"?: string;
            };
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CertificateInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteCertificate: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showClients: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clients"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateClients: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["ClientsPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clients"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listClientsHistory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoClients: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clients"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listConnectorGroups: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorGroupList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createConnectorGroup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConnectorGroupInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorGroup"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showConnectorGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorGroup"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteConnectorGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateConnectorGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["ConnectorGroupPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorGroup"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listConnectorGroupHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreConnectorGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorGroup"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showConnectorGroupSeries: {
        parameters: {
            query?: {
                /** @description Since when; an hour before to if left out. A week is kept. */
                from?: string;
                /** @description Until when; now if left out. */
                to?: string;
                /** @description How long a step is: a multiple of 1m, or of 10m where from is more than a day ago. Left out: what makes at most 180 steps. */
                step?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Series"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoConnectorGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorGroup"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listConnectors: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those of this connector group. */
                connectorGroup?: string;
                /** @description Only those that are disabled (true), or that are not (false). */
                disabled?: string;
                /** @description Only connectors that are so. */
                status?: string;
                /** @description Only those that are archived (true), that are not (false; so if left out), or both (any). */
                archived?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showConnector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connector"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteConnector: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateConnector: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["ConnectorPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connector"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    approveConnector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connector"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showConnectorDiagnosis: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Diagnosis"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    diagnoseConnector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Diagnosis"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listConnectorHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showConnectorLog: {
        parameters: {
            query?: {
                /** @description admin (key events; if left out), session (every transaction while it is switched on) or program (all that the program says). */
                log?: string;
                /** @description The instance of the answer before. */
                instance?: string;
                /** @description The next of the answer before. */
                after?: string;
                /** @description How many entries at most, 1 to 500, the newest; 500 if left out. */
                limit?: number;
                /** @description For how many seconds to wait for something new, 0 to 20. */
                wait?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorLog"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    rejectConnector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showConnectorSeries: {
        parameters: {
            query?: {
                /** @description Since when; an hour before to if left out. A week is kept. */
                from?: string;
                /** @description Until when; now if left out. */
                to?: string;
                /** @description How long a step is: a multiple of 1m, or of 10m where from is more than a day ago. Left out: what makes at most 180 steps. */
                step?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Series"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoConnector: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connector"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listDevices: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those of this user. */
                user?: string;
                /** @description Only those with this operating system. */
                os?: string;
                /** @description Only those that are revoked (true), or that are not (false). */
                revoked?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showDevice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteDevice: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateDevice: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["DevicePatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    revokeDevice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listDiscovery: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only destinations whose name or address contains this, whatever its case. */
                search?: string;
                /** @description The order: -last, last, name, -name, users, -users, devices, -devices, flows, -flows, bytes, -bytes, first, -first; what was used last comes first if left out. */
                sort?: string;
                /** @description Only those of this protocol: tcp, udp. */
                protocol?: string;
                /** @description Only those that another application has by now (true), or that none has (false). */
                owned?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiscoveredList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    explainAccess: {
        parameters: {
            query?: {
                /** @description The user. */
                user?: string;
                /** @description The application. */
                application?: string;
                /** @description The client's address; without it, policies that ask for networks are not met. */
                from?: string;
                /** @description A device of the user's, from which they come by postern-client; a browser if left out. */
                device?: string;
                /** @description The moment; now if left out. */
                at?: string;
                /** @description Assume a fresh sign-in of this strength; otherwise the user's latest session counts, or the best sign-in that their factors allow. */
                strength?: string;
                /** @description false: do not ask the connectors whether they reach the application, which takes up to six seconds where one does not. */
                reach?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    exportConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listExports: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those that are disabled (true), or that are not (false). */
                disabled?: string;
                /** @description Only those of this kind. */
                kind?: string;
                /** @description Only those that are sent this log. */
                stream?: string;
                /** @description Only those that do not take what they are sent (true), or all others (false). */
                failing?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createExport: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExportCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteExport: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateExport: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["ExportPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listExportHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    setExportSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretInput"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    testExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportTest"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoExport: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listGateways: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listGroups: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only groups that this user is a member of. */
                member?: string;
                /** @description Only groups that this group is in. */
                memberGroup?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createGroup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GroupInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["GroupPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listGroupHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreGroup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoGroup: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Group"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listKeys: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those with this role. */
                role?: string;
                /** @description Only those that have ended (true), or that have not (false). */
                expired?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeyInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyCreated"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Key"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteKey: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    planConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listPolicies: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only policies in this mode. */
                mode?: string;
                /** @description Only policies that are for this application, or for all. */
                application?: string;
                /** @description Only policies that name this user, as one whom they are for or not for. */
                user?: string;
                /** @description Only policies that name this group, as one whom they are for or not for. */
                group?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PolicyInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Policy"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Policy"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deletePolicy: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updatePolicy: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["PolicyPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Policy"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listPolicyHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restorePolicy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Policy"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoPolicy: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Policy"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listRequests: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description The order: created, the oldest first, if left out; or -created. */
                sort?: string;
                /** @description Only those in this state. */
                state?: string;
                /** @description Only those of this user. */
                user?: string;
                /** @description Only those for this application. */
                application?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRequestList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRequest"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    approveRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApproveInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRequest"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    denyRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DenyInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessRequest"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showRetention: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retention"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateRetention: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["RetentionPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retention"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listRetentionHistory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoRetention: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retention"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showRollout: {
        parameters: {
            query?: {
                /** @description The change, as the header Postern-Change of the answer that made it says; the last one if left out. */
                change?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rollout"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showSeries: {
        parameters: {
            query?: {
                /** @description Since when; an hour before to if left out. A week is kept. */
                from?: string;
                /** @description Until when; now if left out. */
                to?: string;
                /** @description How long a step is: a multiple of 1m, or of 10m where from is more than a day ago. Left out: what makes at most 180 steps. */
                step?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Series"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    setUp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupDone"];
                };
            };
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listSignIns: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only entries whose user's name contains this, whatever its case. */
                search?: string;
                /** @description Only what this user did. */
                user?: string;
                /** @description Only what concerns this application. */
                application?: string;
                /** @description Only this event: sign-in, confirm, hand-over, access, refresh, key, sign-out. */
                event?: string;
                /** @description Only this result: success, failure, denied, interrupted. */
                result?: string;
                /** @description Only this reason, such as wrong-password. */
                reason?: string;
                /** @description Only what came from this network address. */
                address?: string;
                /** @description Only the request with this reference, as error pages show it. */
                request?: string;
                /** @description Only what happened at or after this time. */
                from?: string;
                /** @description Only what happened at or before this time. */
                to?: string;
                /** @description oldest gives the oldest first. */
                order?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    rotateSigningKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SigningKeyInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKey"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showSummary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Summary"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listTokens: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those of this connector group. */
                connectorGroup?: string;
                /** @description Only tokens in this state. */
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenCreated"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteToken: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listTraffic: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only requests that came at or after this time. */
                from?: string;
                /** @description Only requests that came at or before this time. */
                to?: string;
                /** @description Only those of this user. */
                user?: string;
                /** @description Only those to this application. */
                application?: string;
                /** @description Only those that this connector carried. */
                connector?: string;
                /** @description Only those that came from this device. */
                device?: string;
                /** @description Only the log of this gateway, by its id or address; of one that does not run any more, by its id. */
                gateway?: string;
                /** @description Only those from this network address, or from this network, such as 203.0.113.0/24. */
                client?: string;
                /** @description Only those to this host. */
                host?: string;
                /** @description Only those whose path begins with this. */
                path?: string;
                /** @description Only those with this method. */
                method?: string;
                /** @description Only those with this status: 404, or 4xx for all of its class. */
                status?: string;
                /** @description Only those of this outcome: forwarded, refused, failed, served, unrecorded. */
                outcome?: string;
                /** @description Only what was allowed, or denied: allow, deny. */
                action?: string;
                /** @description Only those with this reason, such as not-assigned. */
                reason?: string;
                /** @description Only those that failed at this hop: you, service, gateway, connector, backend. */
                hop?: string;
                /** @description Only the request with this reference, as error pages show it. */
                request?: string;
                /** @description Only those that did not meet this policy, whether it denied them, would have if it were enforced, or was passed by breaking the glass. */
                policy?: string;
                /** @description Only those that took at least so long, such as 2s. */
                minDuration?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrafficPage"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listUpstreams: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those that are disabled (true), or that are not (false). */
                disabled?: string;
                /** @description Only those of this kind. */
                kind?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpstreamList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createUpstream: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpstreamCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upstream"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    tryUpstream: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpstreamTry"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpstreamTried"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showUpstream: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upstream"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteUpstream: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateUpstream: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["UpstreamPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upstream"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    checkUpstream: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpstreamCheck"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listUpstreamHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreUpstream: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upstream"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    setUpstreamSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretInput"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    testUpstream: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpstreamTest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpstreamTested"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoUpstream: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upstream"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listUsers: {
        parameters: {
            query?: {
                /** @description How many objects a page has at most, 1 to 1000; 100 if left out. */
                limit?: number;
                /** @description The cursor next of the page before. */
                after?: string;
                /** @description Only objects whose name contains this, whatever its case; of users the display name and the e-mail address count, too. */
                search?: string;
                /** @description The order: created, the oldest first, if left out; -created, name or -name. */
                sort?: string;
                /** @description Only those that are disabled (true), or that are not (false). */
                disabled?: string;
                /** @description Only those with this role. */
                role?: string;
                /** @description Only members of this group. */
                group?: string;
                /** @description Only users of this upstream. */
                upstream?: string;
                /** @description Only users who prove here who they are (true), or at an upstream (false). */
                local?: string;
                /** @description Only users for whom no policy holds (true), or all others (false). */
                breakGlass?: string;
                /** @description Only users who have a second factor or a passkey here (true), or none (false). */
                secondFactor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserCreate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw, or * for any. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    updateUser: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description A JSON merge patch (RFC 7386): only the members that change; null resets one to its default. */
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["UserPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listUserApplications: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserApplicationList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    eraseUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erased"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    showUserFactors: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserFactors"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    resetUserFactors: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listUserHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryEntryList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    createUserLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description Where the new object is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserLink"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    setPassword: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordInput"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    restoreUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    listUserSessions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    revokeUserSessions: {
        parameters: {
            query?: {
                /** @description Only this session; all of the user's if left out. */
                session?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    /** @description The next page, rel="next" (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            422: components["responses"]["invalid"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
    undoUser: {
        parameters: {
            query?: never;
            header: {
                /** @description The ETag of the version that you saw. */
                "If-Match": string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UndoInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description The object's version. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["unauthenticated"];
            403: components["responses"]["forbidden"];
            404: components["responses"]["not-found"];
            409: components["responses"]["conflict"];
            412: components["responses"]["changed"];
            413: components["responses"]["too-large"];
            422: components["responses"]["invalid"];
            428: components["responses"]["precondition-required"];
            429: components["responses"]["limited"];
            500: components["responses"]["internal"];
            503: components["responses"]["unavailable"];
        };
    };
}
